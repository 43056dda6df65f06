//! Turns the store's errors into S3's error codes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use s3s::{S3Error, S3ErrorCode};

use super::headers;
use crate::store::StoreError;

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> S3Error {
        let mut answer = S3Error::with_message(code(&error), error.to_string());
        match &error {
            StoreError::Deleted(marker) => answer.set_headers(headers::deleted(marker)),
            StoreError::IsMarker(marker) => answer.set_headers(headers::marker(marker)),
            _ => {}
        }
        answer
    }
}

fn code(error: &StoreError) -> S3ErrorCode {
    match error {
        StoreError::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        StoreError::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
        StoreError::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
        StoreError::NoSuchKey | StoreError::Deleted(_) => S3ErrorCode::NoSuchKey,
        StoreError::NoSuchVersion => S3ErrorCode::NoSuchVersion,
        StoreError::IsMarker(_) => S3ErrorCode::MethodNotAllowed,
        StoreError::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        StoreError::InvalidPart { .. } => S3ErrorCode::InvalidPart,
        StoreError::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
        StoreError::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
        StoreError::WrongSize { .. } => S3ErrorCode::InvalidRequest,
        StoreError::PreconditionFailed => S3ErrorCode::PreconditionFailed,
        StoreError::Folder { .. }
        | StoreError::InUse { .. }
        | StoreError::Newer { .. }
        | StoreError::Database(_)
        | StoreError::Damaged(_)
        | StoreError::Closed => S3ErrorCode::InternalError,
    }
}
