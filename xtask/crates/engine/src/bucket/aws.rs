//! What the two AWS clients share: one HTTP client, and explanations of AWS's answers. A store's error code tells an
//! operator little. This file says what it means for a deploy, and what to do next.

mod client;
mod codes;
mod foreign;
mod line;
mod pieces;
mod proxy;
mod trust;
mod unreached;

use std::time::Duration;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::base::error::{Failure, failed};

pub use client::http_client;
pub use codes::{affects_every_request, is_full, is_throttle};
pub use foreign::is_page;
pub use line::{Body, Line};

/// How long to wait for a connection, and for the beginning of an answer. The time for sending a body is not included:
/// see [`Line`]. The SDK notices if the body of an answer stalls.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECTION).read_timeout(ANSWER).build()
}

/// The timeouts of a copy, which the store completes before it answers.
pub fn timeouts_for_copy(size: u64) -> TimeoutConfig {
    let time = ANSWER + Duration::from_secs(size / SLOWEST_COPY);
    timeouts().to_builder().read_timeout(time).build()
}

const CONNECTION: Duration = Duration::from_secs(8);

/// For a request whose answer is read as a whole, such as a page of a listing: it also limits the time of the answer's
/// body. Otherwise a store that sends a byte now and then would never come to an end.
pub fn config_of_answer() -> aws_sdk_s3::config::Builder {
    let timeouts = timeouts().to_builder().operation_attempt_timeout(2 * ANSWER);
    let timeouts = timeouts.operation_timeout(6 * ANSWER).build();
    aws_sdk_s3::Config::builder().timeout_config(timeouts)
}

const ANSWER: Duration = Duration::from_secs(30);

/// In bytes per second.
const SLOWEST_COPY: u64 = 50_000;

/// A variable of this process that is set and not empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// Explains a failed request. `doing` begins the message: "failed to list `bucket`".
pub fn explain<E>(doing: String, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = failed(doing);
    if let Some(foreign) = error.raw_response().and_then(|raw| foreign::find(error.code(), raw)) {
        return foreign.explain(failure);
    }
    match error {
        SdkError::ServiceError(service)
            if service.raw().status().is_success() && error.code().is_none() =>
        {
            foreign::unreadable(service.raw()).explain(failure)
        }
        SdkError::ServiceError(service) => explain_answer(failure, service.err(), service.raw()),
        SdkError::TimeoutError(_) => failure
            .because(&Cause("no answer in time".into()))
            .hint("try again; the network or the store is slow"),
        SdkError::DispatchFailure(dispatch) => match dispatch.as_connector_error() {
            Some(connector) => explain_connector(failure, connector),
            None => failure.because(error).hint(NETWORK),
        },
        other => failure.because(other),
    }
}

/// Whether the answer is not from a store.
pub fn is_foreign<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|raw| foreign::find(error.code(), raw).is_some())
}

/// Explains a failed write. The bucket was listed before, so a denied write lacks the right to write, or violates a
/// policy.
pub fn explain_write<E>(doing: String, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = explain(doing, error);
    match is_forbidden(error) && error.code().is_none_or(|code| code == "AccessDenied") {
        true => failure.hint(DENIED),
        false => failure,
    }
}

const DENIED: &str = "the bucket can be listed, so look at what it wants of a write: the right s3:PutObject (and s3:PutObjectAcl with `acl`, which Block Public Access may forbid), or a policy that demands encryption; in deploy.toml: encryption = \"AES256\" or encryption = { kms = \"arn:…\" }";

fn explain_connector(failure: Failure, error: &ConnectorError) -> Failure {
    match unreached::find(error) {
        Some(unreached) => failure.because(unreached).hint(unreached.hint.clone()),
        None => failure.because(error).hint(NETWORK),
    }
}

const NETWORK: &str = "check the network, and `region` and `endpoint` in deploy.toml";

/// Whether a write was declined because the object is not in the expected state: its condition does not hold, it is
/// being written at the same moment, or its multipart upload has already been completed.
pub fn is_condition<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    matches!(code, Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchUpload"))
        || status == Some(412)
}

fn explain_answer<E: ProvideErrorMetadata>(
    failure: Failure,
    error: &E,
    raw: &HttpResponse,
) -> Failure {
    let status = raw.status().as_u16();
    let code = error.code().unwrap_or(match status {
        301 | 307 => "PermanentRedirect",
        402 => "AccountProblem",
        403 => "AccessDenied",
        404 => "NotFound",
        413 => "EntityTooLarge",
        429 => "TooManyRequests",
        500 => "InternalError",
        502 | 504 | 520.. => "BadGateway",
        503 => "ServiceUnavailable",
        507 => "InsufficientStorage",
        _ => "Unknown",
    });
    let said = error.message().unwrap_or("no message");
    let is_full = is_full(status, Some(code), Some(said));
    let mut failure = failure.because(&Cause(format!("{code} (HTTP {status}): {said}")));
    failure.affects_every_request = is_full || affects_every_request(code);
    failure.is_of_file = code == "BadDigest";
    let region = raw.headers().get("x-amz-bucket-region");
    match if is_full { Some(codes::FULL.to_owned()) } else { codes::hint(code, region) } {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Like [`affects_every_request`], for an error.
pub fn is_everybodys_error(error: &impl ProvideErrorMetadata) -> bool {
    error.code().is_some_and(affects_every_request)
}

/// Whether an object does not exist. Some stores say so without a code, or with one of their own.
pub fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    error.raw_response().is_some_and(|raw| raw.status().as_u16() == 404)
        && code != Some("NoSuchBucket")
}

/// Whether the credentials lack the permission. A full store also answers 403, and so does a firewall.
pub fn is_forbidden<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let everybodys = error.as_service_error().is_some_and(is_everybodys_error);
    error.raw_response().is_some_and(|raw| {
        let is_page = error.code().is_none() && raw.body().bytes().is_some_and(is_page);
        raw.status().as_u16() == 403 && !is_page && !is_full(403, error.code(), error.message())
    }) && !everybodys
}

/// A cause that is only a text.
#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}
