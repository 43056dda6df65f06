//! The contents of an object, in the account's bucket and in the preview's, for the page that compares them.

use bytes::Bytes;

use super::Preview;
use super::diff::{self, Diff};
use engine::base::{Failure, failed, headers, humanize, redact};

/// Objects that are larger, in bytes, are not read to be compared.
const LARGEST_COMPARED: u64 = 4 << 20;

/// The bytes of an object, and its stored `content-type`.
pub struct Content {
    pub bytes: Bytes,
    pub content_type: String,
}

/// The lines in which the two versions of an object differ.
pub async fn diff(preview: &Preview, key: Option<String>) -> Diff {
    let (old, new) = tokio::join!(before(preview, key.clone()), after(preview, key));
    let content = |found: Result<Option<Content>, Failure>| match found {
        Ok(content) => Ok(content.map_or_else(Bytes::new, |content| content.bytes)),
        Err(failure) => Err(Diff::Failed { message: redact::hide(&failure.to_string()) }),
    };
    let (old, new) = match (content(old), content(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(failed), _) | (_, Err(failed)) => return failed,
    };
    let compared = tokio::task::spawn_blocking(move || diff::of(&old, &new)).await;
    compared.unwrap_or(Diff::Other)
}

/// Reads an object from the account's bucket. Only keys that the page lists are read: the bucket may hold other
/// objects, such as those of another environment, which this page must not show.
pub async fn before(preview: &Preview, key: Option<String>) -> Result<Option<Content>, Failure> {
    let (Some(comparison), Some(key)) = (preview.comparison(), key) else { return Ok(None) };
    let key = comparison.whole_key(&key);
    let Some(compared) = comparison.compared() else { return Ok(None) };
    let is_row = comparison.has_file(&key) || compared.deletes(&key);
    let Some(object) = compared.listing.objects.get(&key).filter(|_| is_row) else {
        return Ok(None);
    };
    check_size(object.size)?;
    let bytes = compared.bucket.read(&key, LARGEST_COMPARED).await?;
    let known = compared.record.headers_of(&key, object);
    let content_type = known.map(|headers| headers.content_type().to_owned());
    let content_type = content_type.unwrap_or_else(|| headers::content_type(&key));
    Ok(bytes.map(|bytes| Content { bytes, content_type }))
}

/// Reads an object from the preview's bucket.
pub async fn after(preview: &Preview, key: Option<String>) -> Result<Option<Content>, Failure> {
    let (Some(comparison), Some(shown), Some(key)) = (preview.comparison(), preview.shown(), key)
    else {
        return Ok(None);
    };
    let key = comparison.whole_key(&key);
    if !comparison.has_file(&key) {
        return Ok(None);
    }
    let Ok((object, body)) = preview.0.store.get(&shown.website.bucket, &key, None).await else {
        return Ok(None);
    };
    check_size(object.size)?;
    let content_type = object.headers.get("content-type").cloned().unwrap_or_default();
    let mut reader = body.read(0..object.size);
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = reader.next().await {
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(Content { bytes: bytes.into(), content_type }))
}

fn check_size(size: u64) -> Result<(), Failure> {
    match size <= LARGEST_COMPARED {
        true => Ok(()),
        false => {
            let (size, most) = (humanize::bytes(size), humanize::bytes(LARGEST_COMPARED));
            Err(failed(format!("it has {size}; up to {most} are compared")))
        }
    }
}
