//! The headers that S3 stores with an object: taken from a request, and returned unchanged.
//!
//! They are read from the request itself instead of the parsed input. This keeps them to the letter, and one table
//! lists them all.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>

use hyper::HeaderMap;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    EXPIRES, HeaderName, HeaderValue, LAST_MODIFIED,
};
use s3s::S3Result;
use s3s::dto::GetObjectInput;
use s3s::s3_error;

use super::values::{date, timestamp, write_version};
use crate::store::{Headers, Marker};

/// The address to which the website endpoint redirects requests for the object. It belongs to this one object: a copy
/// does not inherit it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>
pub const REDIRECT: &str = "x-amz-website-redirect-location";
const METADATA: &str = "x-amz-meta-";
/// The limit for all metadata of an object together, in bytes.
const MOST_METADATA: usize = 2048;

/// The headers of a request that are stored with the object it creates.
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

/// An object's headers, for a response.
pub fn given(headers: &Headers) -> S3Result<HeaderMap> {
    headers
        .iter()
        .map(|(name, value)| {
            Ok((HeaderName::try_from(name)?, HeaderValue::from_bytes(value.as_bytes())?))
        })
        .collect::<Result<HeaderMap, hyper::http::Error>>()
        .map_err(|error| s3_error!(error, InternalError, "a header that was kept cannot be sent"))
}

/// Leaves out the headers that the request overrides (`?response-content-type=`): `s3s` sets those.
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

/// The headers of a 404 for a key whose current version is a delete marker.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
pub fn deleted(marker: &Marker) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::try_from(write_version(marker.version.id())) {
        headers.insert("x-amz-version-id", id);
    }
    headers
}

/// The headers of the answer to a request that names a delete marker by its id: a delete marker can only be removed.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub fn marker(marker: &Marker) -> HeaderMap {
    let mut headers = deleted(marker);
    headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
    headers.extend(date(&timestamp(marker.modified)).map(|date| (LAST_MODIFIED, date)));
    headers
}

fn is_kept(name: &HeaderName) -> bool {
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES]
        .contains(name)
        || name == REDIRECT
        || name.as_str().starts_with(METADATA)
}

/// Drops `aws-chunked`, which says how the body is transferred, not what it is.
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
