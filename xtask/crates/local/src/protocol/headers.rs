//! The headers that S3 keeps with an object, taken from a request and given back as they came.
//!
//! They are read from the request itself rather than from the parsed input: so they are kept to the
//! letter, and one table says which they are.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>

use hyper::HeaderMap;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    EXPIRES, HeaderName, HeaderValue, LAST_MODIFIED,
};
use s3s::S3Result;
use s3s::dto::{GetObjectInput, Timestamp, TimestampFormat};
use s3s::s3_error;

use super::conditions::timestamp;
use super::versions::write_id;
use crate::store::{Headers, Marker};

/// Belongs to one object: a copy does not inherit it.
/// Where the website endpoint sends who asks for the object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>
pub const REDIRECT: &str = "x-amz-website-redirect-location";
const METADATA: &str = "x-amz-meta-";
/// All metadata together, in bytes.
const MOST_METADATA: usize = 2048;

/// What a request says about the object that it makes.
pub fn kept(request: &HeaderMap) -> S3Result<Headers> {
    let mut headers = Headers::new();
    for (name, value) in request.iter().filter(|(name, _)| is_kept(name)) {
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| s3_error!(InvalidArgument, "the header {name} is not UTF-8"))?;
        headers.insert(name.as_str().to_owned(), value.to_owned());
    }
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| Some(name.strip_prefix(METADATA)?.len() + value.len()));
    if metadata.sum::<usize>() > MOST_METADATA {
        return Err(s3_error!(MetadataTooLarge, "the metadata exceeds {MOST_METADATA} bytes"));
    }
    drop_transfer_encoding(&mut headers);
    headers.entry(CONTENT_TYPE.to_string()).or_insert_with(|| "binary/octet-stream".to_owned());
    Ok(headers)
}

/// The headers of an object as a response carries them.
pub fn given(headers: &Headers) -> S3Result<HeaderMap> {
    headers
        .iter()
        .map(|(name, value)| {
            Ok((HeaderName::try_from(name)?, HeaderValue::from_bytes(value.as_bytes())?))
        })
        .collect::<Result<HeaderMap, hyper::http::Error>>()
        .map_err(|error| s3_error!(error, InternalError, "a header that was kept cannot be sent"))
}

/// Leaves out what the request asks to be answered otherwise (`?response-content-type=`), which the
/// protocol answers by itself.
pub fn without_overridden(mut headers: HeaderMap, input: &GetObjectInput) -> HeaderMap {
    let overridden = [
        (CACHE_CONTROL, input.response_cache_control.is_some()),
        (CONTENT_DISPOSITION, input.response_content_disposition.is_some()),
        (CONTENT_ENCODING, input.response_content_encoding.is_some()),
        (CONTENT_LANGUAGE, input.response_content_language.is_some()),
        (CONTENT_TYPE, input.response_content_type.is_some()),
        (EXPIRES, input.response_expires.is_some()),
    ];
    for (name, _) in overridden.into_iter().filter(|(_, overridden)| *overridden) {
        headers.remove(name);
    }
    headers
}

/// What is said of a key whose current version is a delete marker, besides that it is not there.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
pub fn deleted(marker: &Marker) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::try_from(write_id(marker.version.id())) {
        headers.insert("x-amz-version-id", id);
    }
    headers
}

/// What is said of a delete marker that was asked for by its id: it can only be removed.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub fn marker(marker: &Marker) -> HeaderMap {
    let mut headers = deleted(marker);
    headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
    headers.extend(date(&timestamp(marker.modified)).map(|date| (LAST_MODIFIED, date)));
    headers
}

/// A time as HTTP says it.
pub fn date(time: &Timestamp) -> Option<HeaderValue> {
    let mut date = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut date).ok()?;
    HeaderValue::from_bytes(&date).ok()
}

fn is_kept(name: &HeaderName) -> bool {
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES]
        .contains(name)
        || name == REDIRECT
        || name.as_str().starts_with(METADATA)
}

/// `aws-chunked` says how the body travels, not what it is.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
fn drop_transfer_encoding(headers: &mut Headers) {
    let Some(encoding) = headers.remove(CONTENT_ENCODING.as_str()) else { return };
    let encodings: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    let encoding = encodings.join(", ");
    if !encoding.is_empty() {
        headers.insert(CONTENT_ENCODING.to_string(), encoding);
    }
}
