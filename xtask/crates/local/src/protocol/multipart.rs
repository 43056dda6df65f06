//! Operations on multipart uploads.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Answer;
use super::conditions::precondition;
use super::listing::{Encoding, max_keys};
use super::objects::receive;
use super::values::{etag, timestamp, version_of};
use super::{headers, listing};
use crate::store::{self, Store};

/// Part numbers run from 1 to this.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: i32 = 10_000;

pub async fn create(
    store: &Store,
    request: S3Request<CreateMultipartUploadInput>,
) -> Answer<CreateMultipartUploadOutput> {
    let input = request.input;
    let upload =
        store.create_upload(&input.bucket, &input.key, headers::kept(&request.headers)?).await?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(write_id(upload)),
        ..CreateMultipartUploadOutput::default()
    }))
}

pub async fn upload(
    store: &Store,
    request: S3Request<UploadPartInput>,
) -> Answer<UploadPartOutput> {
    let input = request.input;
    let (upload, number) = (read_id(&input.upload_id)?, part_number(input.part_number)?);
    let body = receive(store, input.body, &request.headers, request.trailing_headers).await?;
    let part = store.put_part(&input.bucket, &input.key, upload, number, body).await?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag())),
        ..UploadPartOutput::default()
    }))
}

pub async fn parts(store: &Store, input: ListPartsInput) -> Answer<ListPartsOutput> {
    let upload = read_id(&input.upload_id)?;
    let max_parts = listing::max_keys(input.max_parts)?;
    let marker = input.part_number_marker.unwrap_or(0).max(0);
    let mut found = store.parts(&input.bucket, &input.key, upload, marker.unsigned_abs()).await?;
    let is_truncated = found.len() > max_parts.unsigned_abs() as usize;
    found.truncate(max_parts.unsigned_abs() as usize);
    let parts: Vec<Part> =
        found.into_iter().map(|(number, part)| describe(number, &part)).collect();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(is_truncated),
        max_parts: Some(max_parts),
        part_number_marker: Some(marker),
        next_part_number_marker: parts.last().and_then(|part| part.part_number),
        parts: Some(parts),
        ..ListPartsOutput::default()
    }))
}

pub async fn list(
    store: &Store,
    input: ListMultipartUploadsInput,
) -> Answer<ListMultipartUploadsOutput> {
    if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(s3_error!(
            NotImplemented,
            "a delimiter in a list of uploads is not implemented"
        ));
    }
    let max_uploads = max_keys(input.max_uploads)?;
    let limit = max_uploads.unsigned_abs() as usize;
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    // Without an upload id, the marker stands for all uploads of its key.
    let upload_marker = input.upload_id_marker.as_deref().map_or(Ok(u64::MAX), read_id)?;
    let mut found =
        store.uploads(&input.bucket, &prefix, (key_marker, upload_marker), limit + 1).await?;
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_truncated);
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(is_truncated),
        max_uploads: Some(max_uploads),
        prefix: input.prefix.map(|prefix| encoding.text(&prefix)),
        key_marker: input.key_marker.map(|key| encoding.text(&key)),
        upload_id_marker: input.upload_id_marker,
        next_key_marker: next.map(|(key, ..)| encoding.text(key)),
        next_upload_id_marker: next.map(|(_, id, _)| write_id(*id)),
        uploads: Some(
            found
                .iter()
                .map(|(key, id, upload)| MultipartUpload {
                    key: Some(encoding.text(key)),
                    upload_id: Some(write_id(*id)),
                    initiated: Some(timestamp(upload.initiated)),
                    ..MultipartUpload::default()
                })
                .collect(),
        ),
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    }))
}

pub async fn complete(
    store: &Store,
    input: CompleteMultipartUploadInput,
) -> Answer<CompleteMultipartUploadOutput> {
    let upload = read_id(&input.upload_id)?;
    let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML, "an upload needs at least one part"));
    }
    let parts =
        listed.into_iter().map(completed).collect::<S3Result<Vec<store::CompletedPart>>>()?;
    let size = input.mpu_object_size.and_then(|size| u64::try_from(size).ok());
    let only_if = precondition(input.if_match, input.if_none_match)?;
    let object =
        store.complete_upload(&input.bucket, &input.key, upload, parts, size, only_if).await?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&object)),
        version_id: version_of(&object),
        ..CompleteMultipartUploadOutput::default()
    }))
}

pub async fn abort(
    store: &Store,
    input: AbortMultipartUploadInput,
) -> Answer<AbortMultipartUploadOutput> {
    store.abort_upload(&input.bucket, &input.key, read_id(&input.upload_id)?).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

fn completed(part: CompletedPart) -> S3Result<store::CompletedPart> {
    let number = part_number(part.part_number.unwrap_or(0))?;
    let etag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML, "part {number} has no ETag"))?;
    Ok(store::CompletedPart { number, etag: etag.into_value() })
}

fn describe(number: u32, part: &store::Part) -> Part {
    Part {
        part_number: i32::try_from(number).ok(),
        e_tag: Some(ETag::Strong(part.etag())),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(timestamp(part.modified)),
        ..Part::default()
    }
}

fn part_number(number: i32) -> S3Result<u32> {
    match number {
        1..=MOST_PARTS => Ok(number.unsigned_abs()),
        _ => Err(s3_error!(InvalidArgument, "a part number is between 1 and {MOST_PARTS}")),
    }
}

fn write_id(upload: u64) -> String {
    format!("{upload:016x}")
}

fn read_id(id: &str) -> S3Result<u64> {
    u64::from_str_radix(id, 16)
        .map_err(|_| s3_error!(NoSuchUpload, "the multipart upload does not exist"))
}
