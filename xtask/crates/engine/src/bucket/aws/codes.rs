//! What error codes mean for a deploy: those of S3 and STS, and the codes that only other stores use.

/// Whether an error code says that the store is too busy, whatever the status is.
pub fn is_throttle(code: &str) -> bool {
    THROTTLES.contains(&code)
}

/// From S3, and from stores and gateways with codes of their own.
/// <https://developers.cloudflare.com/r2/api/error-codes/>
const THROTTLES: [&str; 12] = [
    "BandwidthLimitExceeded",
    "RateExceeded",
    "RateLimitExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
];

/// Whether a store has no room for what is being written; another try does not change that. `status`, `code` and
/// `message` are those of its error: some stores show it in only one of them.
pub fn is_full(status: u16, code: Option<&str>, message: Option<&str>) -> bool {
    if code.is_some_and(has_no_room) {
        return true;
    }
    // A limit on requests per second is called a quota too.
    if matches!(status, 429 | 503) || code.is_some_and(is_throttle) {
        return false;
    }
    let says = |text: Option<&str>, words: &[&str]| {
        let text = text.unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    status == 507 || says(code, &["quota"]) || says(message, &FULL_MESSAGES)
}

fn has_no_room(code: &str) -> bool {
    FULL_CODES.contains(&code)
}

/// From Ceph, MinIO and OpenStack Swift.
/// <https://docs.min.io/community/minio-object-store/reference/minio-mc/mc-quota-set.html>
const FULL_CODES: [&str; 6] = [
    "InsufficientCapacity",
    "InsufficientStorage",
    "QuotaExceeded",
    "StorageQuotaExceeded",
    "XMinioAdminBucketQuotaExceeded",
    "XMinioStorageFull",
];

/// Words in messages of Garage, Backblaze B2, SeaweedFS and file systems, whose codes say no more than `AccessDenied`
/// or `InternalError`; in lower case.
const FULL_MESSAGES: [&str; 11] = [
    "quota is reached",
    "quota exceeded",
    "quota has been exceeded",
    "exceeds quota",
    "exceeded quota",
    "over quota",
    "storage cap exceeded",
    "no space left",
    "no free volumes",
    "no writable volumes",
    "disk is full",
];

pub const FULL: &str = "the store is full, or its quota for this bucket is used up: make room (objects that are no longer needed, old versions, unfinished uploads) or raise the quota; until then each deploy fails like this";

/// Whether every other request of this run would get the same answer.
pub fn affects_every_request(code: &str) -> bool {
    EVERYBODYS.contains(&code) || has_no_room(code)
}

const EVERYBODYS: [&str; 11] = [
    "AccessControlListNotSupported",
    "AccountProblem",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
pub fn hint(code: &str, region: Option<&str>) -> Option<String> {
    Some(match code {
        "NoSuchBucket" => "create the bucket, or correct `bucket` in deploy.toml".into(),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => match region {
            Some(region) => format!("the bucket is in another region; in deploy.toml: region = \"{region}\""),
            None => "the bucket is in another region; correct `region` in deploy.toml".into(),
        },
        "AccessDenied" | "AllAccessDisabled" | "Forbidden" => {
            "look at the values of the credentials (swapped? in quotes?); they need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects, and the bucket must belong to `account`".into()
        }
        "InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException" => {
            "the access key does not exist or was deactivated: make a new one, or correct the variable's value".into()
        }
        "SignatureDoesNotMatch" => "the secret does not belong to the access key: copy both again, without spaces".into(),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            "the credentials have expired: get new ones and run it again".into()
        }
        "InvalidToken" => "the session token is not valid: name it with `session-token`, and copy all three again".into(),
        "RequestTimeTooSkewed" => "this machine's clock is wrong: set it, then run it again".into(),
        "InternalError" => "the store is busy: run it again in a minute".into(),
        "BadGateway" => "a gateway answered that the store behind it does not: run it again in a minute".into(),
        "AccountProblem" => "the store does not serve this account: look at its bills and at its messages".into(),
        code if is_throttle(code) => "the store is busy: run it again in a minute".into(),
        "BadDigest" => "a file changed while it was sent: run it again".into(),
        "AccessControlListNotSupported" => {
            "the bucket has ACLs switched off (bucket owner enforced): take `acl` out of deploy.toml, and let a policy of the bucket say who reads it".into()
        }
        "EntityTooLarge" => "the store, or a proxy before it, does not take objects of this size: raise its limit (nginx: client_max_body_size), or leave the file out with `exclude` in deploy.toml".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_full_is_known_by_status_code_or_message() {
        for (status, code, message, expected) in [
            (507, "", "", true),
            (507, "Unknown", "", true),
            (403, "QuotaExceeded", "", true),
            (400, "XMinioAdminBucketQuotaExceeded", "Bucket quota exceeded", true),
            (503, "InsufficientStorage", "", true),
            (403, "BucketQuotaExceeded", "", true),
            (413, "ObjectQuotaExceeded", "", true),
            (403, "AccessDenied", "Forbidden: Object size quota is reached, maximum is 5", true),
            (403, "AccessDenied", "Cannot upload files, storage cap exceeded.", true),
            (500, "InternalError", "write /data/x: no space left on device", true),
            (429, "RequestQuotaExceeded", "", false),
            (503, "SlowDown", "request quota exceeded", false),
            (400, "RateLimitExceeded", "request quota exceeded", false),
            (403, "AccessDenied", "Access Denied", false),
            (500, "InternalError", "", false),
        ] {
            assert_eq!(is_full(status, Some(code), Some(message)), expected, "{code} {message}");
        }
        assert!(is_full(507, None, None) && !is_full(500, None, None));
    }
}
