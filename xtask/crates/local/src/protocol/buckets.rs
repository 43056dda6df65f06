//! Operations on buckets.

use s3s::dto::*;
use s3s::{S3Response, s3_error};

use super::values::timestamp;
use super::{Answer, REGION};
use crate::store::{Store, Versioning};

pub async fn list(store: &Store, input: ListBucketsInput) -> Answer<ListBucketsOutput> {
    let prefix = input.prefix.unwrap_or_default();
    let buckets = store.buckets().await?.into_iter().filter(|(name, _)| name.starts_with(&prefix));
    let buckets = buckets.map(|(name, bucket)| Bucket {
        name: Some(name),
        creation_date: Some(timestamp(bucket.created)),
        ..Bucket::default()
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        ..ListBucketsOutput::default()
    }))
}

pub async fn create(store: &Store, input: CreateBucketInput) -> Answer<CreateBucketOutput> {
    store.create_bucket(&input.bucket).await?;
    let location = Some(format!("/{}", input.bucket));
    Ok(S3Response::new(CreateBucketOutput { location }))
}

pub async fn head(store: &Store, input: HeadBucketInput) -> Answer<HeadBucketOutput> {
    store.bucket(&input.bucket).await?;
    let bucket_region = Some(REGION.to_owned());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
}

pub async fn location(
    store: &Store,
    input: GetBucketLocationInput,
) -> Answer<GetBucketLocationOutput> {
    store.bucket(&input.bucket).await?;
    let location_constraint = Some(BucketLocationConstraint::from(REGION.to_owned()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

/// An answer without a status means that versioning was never set.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
pub async fn versioning(
    store: &Store,
    input: GetBucketVersioningInput,
) -> Answer<GetBucketVersioningOutput> {
    let status = store.bucket(&input.bucket).await?.versioning.map(|versioning| match versioning {
        Versioning::Enabled => BucketVersioningStatus::ENABLED,
        Versioning::Suspended => BucketVersioningStatus::SUSPENDED,
    });
    let status = status.map(BucketVersioningStatus::from_static);
    Ok(S3Response::new(GetBucketVersioningOutput { status, mfa_delete: None }))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>
pub async fn set_versioning(
    store: &Store,
    input: PutBucketVersioningInput,
) -> Answer<PutBucketVersioningOutput> {
    let VersioningConfiguration { status, mfa_delete } = input.versioning_configuration;
    if mfa_delete.is_some_and(|delete| delete.as_str() == MFADelete::ENABLED) {
        return Err(s3_error!(NotImplemented, "deletion by a second factor is not implemented"));
    }
    let versioning = match status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => {
            return Err(s3_error!(
                IllegalVersioningConfigurationException,
                "versioning is either enabled or suspended"
            ));
        }
    };
    store.set_versioning(&input.bucket, versioning).await?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

pub async fn delete(store: &Store, input: DeleteBucketInput) -> Answer<DeleteBucketOutput> {
    store.delete_bucket(&input.bucket).await?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}
