//! Operations on objects.

use std::ops::Range as ByteRange;

use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use hyper::HeaderMap;
use hyper::header::IF_MATCH;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, TrailingHeaders, s3_error};

use super::Answer;
use super::conditions::{Conditions, precondition};
use super::digests::Digests;
use super::headers;
use super::values::{etag, modified, read_version, version_of, write_version};
use crate::store::{
    Body, Deleted, Headers, Incoming, Precondition, Reader, Store, StoreError, VersionId,
};

pub async fn put(store: &Store, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
    let input = request.input;
    let only_if = precondition(input.if_match, input.if_none_match)?;
    let kept = headers::kept(&request.headers)?;
    let body = receive(store, input.body, &request.headers, request.trailing_headers).await?;
    let object = store.put(&input.bucket, &input.key, kept, body, only_if).await?;
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(etag(&object)),
        version_id: version_of(&object),
        ..PutObjectOutput::default()
    }))
}

pub async fn get(store: &Store, input: GetObjectInput) -> Answer<GetObjectOutput> {
    let version = read_version(input.version_id.as_deref())?;
    whole(input.part_number)?;
    let (object, body) = store.get(&input.bucket, &input.key, version).await?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let range = match input.range {
        Some(range) => range
            .check(object.size)
            .map_err(|_| s3_error!(InvalidRange, "the range is not satisfiable"))?,
        None => 0..object.size,
    };
    let output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(range.end - range.start).ok(),
        content_range: input.range.map(|_| content_range(&range, object.size)),
        e_tag: Some(etag(&object)),
        version_id: version_of(&object),
        last_modified: Some(modified(&object)),
        body: Some(send(body, range)),
        ..GetObjectOutput::default()
    };
    let given = headers::without_overridden(headers::given(&object.headers)?, &input);
    Ok(S3Response::with_headers(output, given))
}

pub async fn head(store: &Store, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
    let version = read_version(input.version_id.as_deref())?;
    whole(input.part_number)?;
    let object = store.head(&input.bucket, &input.key, version).await?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(object.size).ok(),
        e_tag: Some(etag(&object)),
        version_id: version_of(&object),
        last_modified: Some(modified(&object)),
        ..HeadObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, headers::given(&object.headers)?))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub async fn copy(store: &Store, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
    let input = request.input;
    let (bucket, key, version) = source(&request.headers)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let redirects = input.website_redirect_location.is_some();
    let onto_itself = version.is_none() && bucket == input.bucket && key == input.key;
    if onto_itself && !replace && !redirects {
        return Err(s3_error!(
            InvalidRequest,
            "a copy of an object to itself must change something"
        ));
    }
    let (object, body) = store.get(&bucket, &key, version).await.map_err(unfit)?;
    let copy_source_version_id = version_of(&object);
    let conditions = Conditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    };
    conditions.check_source(&object)?;
    let stated = headers::kept(&request.headers)?;
    let kept = if replace { stated } else { inherited(object.headers, stated) };
    let copied = transfer(store, body.read(0..object.size)).await?;
    let only_if = if_match(&request.headers)?;
    let copy = store.put(&input.bucket, &input.key, kept, copied, only_if).await?;
    let result = CopyObjectResult {
        e_tag: Some(etag(&copy)),
        last_modified: Some(modified(&copy)),
        ..CopyObjectResult::default()
    };
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        version_id: version_of(&copy),
        copy_source_version_id,
        ..CopyObjectOutput::default()
    }))
}

pub async fn delete(store: &Store, input: DeleteObjectInput) -> Answer<DeleteObjectOutput> {
    let version = read_version(input.version_id.as_deref())?;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(s3_error!(NotImplemented, "a condition of the request is not implemented"));
    }
    let only_if = precondition(input.if_match, None)?;
    let deleted = store.delete(&input.bucket, &input.key, version, only_if).await?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version.map(write_version),
        ..DeleteObjectOutput::default()
    }))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub async fn delete_many(store: &Store, input: DeleteObjectsInput) -> Answer<DeleteObjectsOutput> {
    store.bucket(&input.bucket).await?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > 1000 {
        return Err(s3_error!(MalformedXML, "a request deletes between 1 and 1000 objects"));
    }
    // All at once, so that they share a commit.
    let deletes = input.delete.objects.into_iter().map(|object| async {
        let outcome = delete_one(store, &input.bucket, &object).await;
        (object, outcome)
    });
    let quiet = input.delete.quiet.unwrap_or(false);
    let mut output = DeleteObjectsOutput::default();
    for (object, outcome) in futures_util::future::join_all(deletes).await {
        match outcome {
            Ok(_) if quiet => {}
            Ok(deleted) => {
                output.deleted.get_or_insert_default().push(describe(object, &deleted));
            }
            Err(error) => output.errors.get_or_insert_default().push(Error {
                key: Some(object.key),
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    Ok(S3Response::new(output))
}

async fn delete_one(store: &Store, bucket: &str, object: &ObjectIdentifier) -> S3Result<Deleted> {
    let version = read_version(object.version_id.as_deref())?;
    if object.size.is_some() || object.last_modified_time.is_some() {
        return Err(s3_error!(NotImplemented, "a condition of the request is not implemented"));
    }
    let etag = object.e_tag.clone().map(ETag::into_value);
    let only_if = etag.map_or(Precondition::None, Precondition::Etag);
    Ok(store.delete(bucket, &object.key, version, only_if).await?)
}

/// The id of a delete marker has an element of its own. It is also used if the request removed the delete marker.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletedObject.html>
fn describe(object: ObjectIdentifier, deleted: &Deleted) -> DeletedObject {
    let version = deleted.version.map(write_version);
    DeletedObject {
        key: Some(object.key),
        delete_marker: deleted.marker.then_some(true),
        delete_marker_version_id: version.clone().filter(|_| deleted.marker),
        version_id: version.filter(|_| object.version_id.is_some()),
    }
}

/// Receives a body and checks it against the digests that came with it.
pub async fn receive(
    store: &Store,
    body: Option<StreamingBlob>,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
) -> S3Result<Incoming> {
    let mut digests = Digests::announced(headers);
    let mut incoming = store.receive();
    if let Some(mut body) = body {
        while let Some(data) = body.next().await {
            let data = data
                .map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
            digests.update(&data);
            incoming.write(data).await?;
        }
    }
    digests.verify(incoming.md5(), trailers)?;
    Ok(incoming)
}

async fn transfer(store: &Store, mut reader: Reader) -> S3Result<Incoming> {
    let mut incoming = store.receive();
    while let Some(data) = reader.next().await? {
        incoming.write(data).await?;
    }
    Ok(incoming)
}

fn send(body: Body, range: ByteRange<u64>) -> StreamingBlob {
    StreamingBlob::wrap(try_unfold(body.read(range), |mut reader| async move {
        Ok::<_, StoreError>(reader.next().await?.map(|data| (data, reader)))
    }))
}

fn content_range(range: &ByteRange<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// The bucket, key and version that a copy reads. The parsed input cannot be used: a plus sign in this header stands
/// for a space, and some clients (`s5cmd`) write spaces this way.
fn source(headers: &HeaderMap) -> S3Result<(String, String, Option<VersionId>)> {
    let header =
        headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match CopySource::parse(&header.replace('+', "%20")) {
        Ok(CopySource::Bucket { bucket, key, version_id }) => {
            Ok((bucket.into(), key.into(), read_version(version_id.as_deref())?))
        }
        Ok(_) => Err(s3_error!(NotImplemented, "a copy from an access point is not implemented")),
        Err(error) => Err(s3_error!(error, InvalidArgument, "the copy source is invalid")),
    }
}

/// Why a source cannot be copied. For a delete marker, S3 says that there is nothing to copy, not that the delete
/// marker cannot be read.
fn unfit(error: StoreError) -> S3Error {
    match error {
        StoreError::IsMarker(_) => s3_error!(InvalidRequest, "a delete marker cannot be copied"),
        error => error.into(),
    }
}

/// A copy has the headers of its source, except for the redirect: that is the request's, or none.
fn inherited(mut source: Headers, mut stated: Headers) -> Headers {
    source.remove(headers::REDIRECT);
    source.extend(stated.remove_entry(headers::REDIRECT));
    source
}

/// `If-Match` for the destination of a copy. The parsed input lacks it.
fn if_match(headers: &HeaderMap) -> S3Result<Precondition> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(Precondition::None) };
    let condition = ETagCondition::parse_http_header(value.as_bytes());
    precondition(
        Some(condition.map_err(|error| {
            s3_error!(error, InvalidArgument, "the header If-Match is invalid")
        })?),
        None,
    )
}

fn whole(part: Option<i32>) -> S3Result<()> {
    match part {
        None => Ok(()),
        Some(_) => {
            Err(s3_error!(NotImplemented, "reading one part of an object is not implemented"))
        }
    }
}
