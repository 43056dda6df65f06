//! ListObjectVersions.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>

use s3s::dto::*;
use s3s::{S3Response, s3_error};

use super::Answer;
use super::listing::{Encoding, max_keys};
use super::values::{etag, modified, read_version, timestamp, write_version};
use crate::store::{Entry, Listed, Listing, Store, VersionListing, VersionPage};

/// S3 mixes versions and delete markers in one order. `s3s` sends the two kinds as two lists, each in its order. The
/// SDKs split the answers of S3 in the same way.
pub async fn list(
    store: &Store,
    input: ListObjectVersionsInput,
) -> Answer<ListObjectVersionsOutput> {
    let max_keys = max_keys(input.max_keys)?;
    let keys = Listing {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after: input.key_marker.clone().unwrap_or_default(),
        limit: max_keys.unsigned_abs() as usize,
    };
    let after = read_version(input.version_id_marker.as_deref())?;
    if after.is_some() && keys.after.is_empty() {
        return Err(s3_error!(InvalidArgument, "a version id marker needs a key marker"));
    }
    let page = store.list_versions(&input.bucket, VersionListing { keys, after }).await?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    let next = page.next.as_ref();
    Ok(S3Response::new(ListObjectVersionsOutput {
        is_truncated: Some(next.is_some()),
        next_key_marker: next.map(|(key, _)| encoding.text(key)),
        next_version_id_marker: next.and_then(|(_, version)| version.map(write_version)),
        common_prefixes: Some(encoding.prefixes(&page.prefixes)),
        versions: Some(objects(&page, encoding)),
        delete_markers: Some(markers(&page, encoding)),
        name: Some(input.bucket),
        prefix: Some(encoding.text(&input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| encoding.text(&delimiter)),
        key_marker: Some(encoding.text(&input.key_marker.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        request_charged: None,
    }))
}

fn objects(page: &VersionPage, encoding: Encoding) -> Vec<ObjectVersion> {
    page.versions.iter().filter_map(|listed| object(listed, encoding)).collect()
}

fn object(listed: &Listed, encoding: Encoding) -> Option<ObjectVersion> {
    let Entry::Object(object) = &listed.entry else { return None };
    Some(ObjectVersion {
        key: Some(encoding.text(&listed.key)),
        version_id: Some(write_version(listed.entry.version().id())),
        is_latest: Some(listed.latest),
        size: i64::try_from(object.size).ok(),
        last_modified: Some(modified(object)),
        e_tag: Some(etag(object)),
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        ..ObjectVersion::default()
    })
}

fn markers(page: &VersionPage, encoding: Encoding) -> Vec<DeleteMarkerEntry> {
    page.versions.iter().filter_map(|listed| marker(listed, encoding)).collect()
}

fn marker(listed: &Listed, encoding: Encoding) -> Option<DeleteMarkerEntry> {
    let Entry::Marker(marker) = &listed.entry else { return None };
    Some(DeleteMarkerEntry {
        key: Some(encoding.text(&listed.key)),
        version_id: Some(write_version(marker.version.id())),
        is_latest: Some(listed.latest),
        last_modified: Some(timestamp(marker.modified)),
        owner: None,
    })
}
