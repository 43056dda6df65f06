//! What must hold for the current object of a key when a write happens.

use super::error::StoreError;
use super::rows::Object;

/// A write happens only if this holds for the key's current object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>
#[derive(Clone, Debug, Default)]
pub enum Precondition {
    #[default]
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match: *`
    Present,
    /// `If-Match: "etag"`, here without quotes.
    Etag(String),
}

impl Precondition {
    /// If an ETag is expected and there is no object, S3 answers 404, not 412.
    pub(super) fn check(&self, current: Option<&Object>) -> Result<(), StoreError> {
        match (self, current) {
            (Precondition::None, _)
            | (Precondition::Absent, None)
            | (Precondition::Present, Some(_)) => Ok(()),
            (Precondition::Etag(_) | Precondition::Present, None) => Err(StoreError::NoSuchKey),
            (Precondition::Etag(etag), Some(object)) if *etag == object.etag => Ok(()),
            (Precondition::Etag(_) | Precondition::Absent, Some(_)) => {
                Err(StoreError::PreconditionFailed)
            }
        }
    }
}
