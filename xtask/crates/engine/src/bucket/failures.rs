//! The words for failures that several operations share.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::aws;
use crate::base::error::{Failure, failed};
use crate::site::File;

/// The failure for a store that accepts a write but stores something else.
pub fn not_stored(doing: String) -> Failure {
    let mut failure = failed(doing);
    failure
        .causes
        .push("the store reported success, but stored other bytes than were sent".to_owned());
    failure.hint("look at what stands between this machine and the store (a proxy, a gateway) and at the store's disk and log, then run it again")
}

/// The failure for a bucket that is not as it was listed.
pub fn changed(mut failure: Failure, what: &str) -> Failure {
    failure.causes.push(what.to_owned());
    failure.hint("look at who else writes to this bucket, then run it again: it plans against what is there now")
}

pub const WRITTEN_SINCE: &str = "somebody else wrote it since the bucket was listed";

pub fn upload_of(file: &File) -> String {
    format!("failed to upload `{}`", file.key)
}

pub fn reading(key: &str) -> String {
    format!("failed to read `{key}`")
}

/// Explains a failure with an object of the tool's own folder. The credentials may list, or the run would not have come
/// this far. So a 403 is more likely due to a policy that hides the folder from visitors than to a wrong key.
pub fn explain_own<E>(doing: String, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = aws::explain(doing, error);
    match aws::is_forbidden(error) {
        true => failure.hint(HIDDEN),
        false => failure,
    }
}

/// Like [`explain_own`], for a write: a policy may also demand something of it.
pub fn explain_own_write<E>(doing: String, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = aws::explain_write(doing, error);
    match &failure.hint {
        Some(hint) if aws::is_forbidden(error) => {
            let hint = hint.clone().then(format!("; {HIDDEN}"));
            failure.hint(hint)
        }
        _ => failure,
    }
}

const HIDDEN: &str = "these credentials need s3:GetObject, s3:PutObject and s3:DeleteObject below `.xtask/` too: if the bucket's policy hides that folder from visitors, leave it out of what they are allowed instead of denying it to everyone";
