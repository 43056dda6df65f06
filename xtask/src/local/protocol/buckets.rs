//! Operations on buckets.

use s3s::S3Response;
use s3s::dto::*;

use super::Answer;
use super::conditions::timestamp;
use crate::local::REGION;
use crate::local::store::Store;

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

/// An answer without a status says that versioning was never enabled.
pub async fn versioning(
    store: &Store,
    input: GetBucketVersioningInput,
) -> Answer<GetBucketVersioningOutput> {
    store.bucket(&input.bucket).await?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}

pub async fn delete(store: &Store, input: DeleteBucketInput) -> Answer<DeleteBucketOutput> {
    store.delete_bucket(&input.bucket).await?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}
