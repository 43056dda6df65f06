//! What a store cannot do. S3 has grown for twenty years, and other stores support only part of it: Backblaze B2
//! answers 501 to a condition, Google Cloud Storage has no `DeleteObjects`, some gateways do not copy.
//!
//! A request is first sent in the form for S3. If the store declines it, it is sent again without the parts that it can
//! do without. If the store accepts that, it lacks the capability, and this run does not ask for it again. Only an
//! answer decides. There is no list of stores, because a store's next version may support what this one does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::bucket::aws;

/// Something that a request asks for but can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `If-None-Match: *` of an upload.
    ConditionalCreate,
    /// `If-Match` of an upload.
    ConditionalReplace,
    /// The conditions of a copy, on its source or on the object that it replaces.
    ConditionalCopy,
    /// `If-Match` of a delete, or the ETag in a batch of deletes.
    ConditionalDelete,
    /// `DeleteObjects`
    BatchDelete,
    /// `CopyObject`
    Copy,
    /// Uploads in parts.
    Multipart,
    /// `ListMultipartUploads`
    ListUploads,
    /// `Content-MD5`
    ContentMd5,
}

const ALL: [Capability; 9] = [
    Capability::ConditionalCreate,
    Capability::ConditionalReplace,
    Capability::ConditionalCopy,
    Capability::ConditionalDelete,
    Capability::BatchDelete,
    Capability::Copy,
    Capability::Multipart,
    Capability::ListUploads,
    Capability::ContentMd5,
];

impl Capability {
    /// Its name for the user.
    fn name(self) -> &'static str {
        match self {
            Capability::ConditionalCreate => "`If-None-Match` of uploads",
            Capability::ConditionalReplace => "`If-Match` of uploads",
            Capability::ConditionalCopy => "conditional copies",
            Capability::ConditionalDelete => "conditional deletes",
            Capability::BatchDelete => "`DeleteObjects`",
            Capability::Copy => "`CopyObject`",
            Capability::Multipart => "multipart uploads",
            Capability::ListUploads => "`ListMultipartUploads`",
            Capability::ContentMd5 => "`Content-MD5`",
        }
    }

    fn is_condition(self) -> bool {
        (self as u16) <= (Capability::ConditionalDelete as u16)
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses(u16);

impl Uses {
    pub fn has(self, capability: Capability) -> bool {
        self.0 & bit(capability) != 0
    }

    /// What is left if one capability is taken away, for each of them, and then if all are.
    fn fewer(self) -> impl Iterator<Item = Uses> {
        let each = ALL.into_iter().filter(move |one| self.has(*one));
        let less = each.map(move |one| Uses(self.0 & !bit(one))).filter(|uses| uses.0 != 0);
        less.chain((self.0 != 0).then_some(Uses(0)))
    }
}

fn bit(capability: Capability) -> u16 {
    1 << capability as u16
}

/// What a store was found to lack in this run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    missing: Arc<AtomicU16>,
}

impl Capabilities {
    pub fn has(&self, capability: Capability) -> bool {
        !Uses(self.missing.load(Relaxed)).has(capability)
    }

    /// Notes that the store lacks a capability.
    pub fn lack(&self, capability: Capability) {
        self.missing.fetch_or(bit(capability), Relaxed);
    }

    /// What the store lacks, in one line; `None` if it could do everything that it was asked for.
    pub fn told(&self) -> Option<String> {
        let missing = Uses(self.missing.load(Relaxed));
        let lacks: Vec<Capability> = ALL.into_iter().filter(|one| missing.has(*one)).collect();
        let names: Vec<&str> = lacks.iter().map(|one| one.name()).collect();
        let (last, others) = names.split_last()?;
        let list = match others {
            [] => (*last).to_owned(),
            _ => format!("{} and {last}", others.join(", ")),
        };
        let risk = match lacks.iter().any(|one| one.is_condition()) {
            true => "; what another tool writes to the bucket during a deploy may be overwritten",
            false => "",
        };
        Some(format!("the store does not support {list}, so this run did without{risk}"))
    }

    /// Sends a request with all usable capabilities of `optional`. If the store declines it, sends it without some of
    /// them.
    pub async fn negotiate<T, E, F>(
        &self,
        optional: &[Capability],
        send: impl Fn(Uses) -> F,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        let known = optional.iter().filter(|one| self.has(**one));
        let all = Uses(known.fold(0, |bits, one| bits | bit(*one)));
        let declined = match send(all).await {
            Err(error) if all.0 != 0 && declines(&error) => error,
            answered => return answered,
        };
        for fewer in all.fewer() {
            match send(fewer).await {
                Err(error) if declines(&error) => {}
                answered => {
                    if answered.as_ref().err().is_none_or(aws::is_condition) {
                        self.missing.fetch_or(all.0 & !fewer.0, Relaxed);
                    }
                    return answered;
                }
            }
        }
        // None of them was the reason.
        Err(declined)
    }
}

/// Whether a store says that it does not know some part of a request. Stores that do not know a header or an operation
/// answer 501 or 405, or 400 with a code that only says that something about the request is wrong.
pub fn declines<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(service) = error else { return false };
    let code = service.err().code();
    match service.raw().status().as_u16() {
        405 | 501 => true,
        400 | 411 | 415 | 422 => !code.is_some_and(is_of_this_request),
        _ => matches!(code, Some("NotImplemented" | "MethodNotAllowed")),
    }
}

/// Whether an error code names a problem with this very request, so that another form of it would not help.
fn is_of_this_request(code: &str) -> bool {
    OTHERS.contains(&code)
        || code.starts_with("KMS.")
        || aws::affects_every_request(code)
        || aws::is_throttle(code)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
const OTHERS: [&str; 14] = [
    "AuthorizationHeaderMalformed",
    "BadDigest",
    "EntityTooLarge",
    "EntityTooSmall",
    "IllegalLocationConstraintException",
    "IncompleteBody",
    "InvalidBucketName",
    "InvalidPart",
    "KeyTooLongError",
    "MetadataTooLarge",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "TooManyParts",
    "XAmzContentSHA256Mismatch",
];

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::Capability::{ConditionalCreate, ContentMd5, Multipart};
    use super::*;

    type Refused = SdkError<PutObjectError, HttpResponse>;

    fn error(status: u16, code: &str) -> Refused {
        let status = StatusCode::try_from(status).expect("a status");
        let metadata = ErrorMetadata::builder().code(code).build();
        let response = HttpResponse::new(status, SdkBody::empty());
        SdkError::service_error(PutObjectError::generic(metadata), response)
    }

    /// Whether a store that declines a request with any of these accepts one in the end, and how many requests that
    /// takes.
    async fn ask(
        can: &Capabilities,
        declined: &[Capability],
        (status, code): (u16, &str),
    ) -> (bool, u32) {
        let asked = std::cell::Cell::new(0);
        let done = can.negotiate(&[ConditionalCreate, ContentMd5], |uses| {
            asked.set(asked.get() + 1);
            let is_declined = declined.iter().any(|one| uses.has(*one));
            async move { if is_declined { Err(error(status, code)) } else { Ok(()) } }
        });
        (done.await.is_ok(), asked.get())
    }

    #[tokio::test]
    async fn what_a_store_lacks_is_learned_once() {
        let not_implemented = (501, "NotImplemented");
        for (declined, first) in [
            (&[][..], 1),
            (&[ConditionalCreate], 2),
            (&[ContentMd5], 3),
            (&[ConditionalCreate, ContentMd5], 4),
        ] {
            let can = Capabilities::default();
            assert_eq!(ask(&can, declined, not_implemented).await, (true, first), "{declined:?}");
            assert_eq!(ask(&can, declined, not_implemented).await, (true, 1), "{declined:?}");
            for one in ALL {
                assert_eq!(can.has(one), !declined.contains(&one), "{declined:?}: {one:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_about_something_else_teaches_nothing() {
        for answer in [
            (403, "AccessDenied"),
            (400, "BadDigest"),
            (400, "ExpiredToken"),
            (412, "PreconditionFailed"),
            (404, "NoSuchBucket"),
        ] {
            let can = Capabilities::default();
            assert_eq!(ask(&can, &[ConditionalCreate], answer).await, (false, 1), "{answer:?}");
            assert_eq!(can.told(), None, "{answer:?}");
        }
        let can = Capabilities::default();
        let always = can
            .negotiate(&[ConditionalCreate], async |_| Err::<(), _>(error(400, "InvalidRequest")));
        assert!(always.await.is_err());
        assert_eq!(can.told(), None, "it was not for the condition");
    }

    #[test]
    fn what_a_store_lacks_is_told_in_a_line() {
        let can = Capabilities::default();
        can.lack(Multipart);
        assert_eq!(
            can.told().as_deref(),
            Some("the store does not support multipart uploads, so this run did without")
        );
        can.lack(ConditionalCreate);
        can.lack(ContentMd5);
        assert_eq!(
            can.told().as_deref(),
            Some(
                "the store does not support `If-None-Match` of uploads, multipart uploads and `Content-MD5`, so this run did without; what another tool writes to the bucket during a deploy may be overwritten"
            )
        );
    }
}
