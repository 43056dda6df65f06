//! Who may read an object by its ACL. A write without an ACL makes an object private, and a site that was public
//! by its objects' ACLs would answer 403 from then on.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{Grant, Permission};

use super::Bucket;

/// Whom an object's ACL lets read it, beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Only accounts that are named, or nobody.
    Named,
    Everybody,
    /// Everybody who has an AWS account.
    Authenticated,
    /// The caller may not ask (s3:GetObjectAcl).
    Secret,
    /// The store has no such answer.
    Unknown,
}

impl Bucket {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>
    pub async fn readers(&self, key: &str) -> Readers {
        let request = self.client.get_object_acl().bucket(&self.name).key(key);
        match request.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(acl) => readers(acl.grants()),
            Err(error) if error.code() == Some("AccessDenied") => Readers::Secret,
            Err(_) => Readers::Unknown,
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee>
fn readers(grants: &[Grant]) -> Readers {
    let may_read = |grant: &&Grant| {
        matches!(grant.permission(), Some(Permission::Read | Permission::FullControl))
    };
    let are_of = |group: &str| {
        let uri = |grant: &Grant| grant.grantee()?.uri().map(|uri| uri.ends_with(group));
        grants.iter().filter(may_read).any(|grant| uri(grant) == Some(true))
    };
    match (are_of("/groups/global/AllUsers"), are_of("/groups/global/AuthenticatedUsers")) {
        (true, _) => Readers::Everybody,
        (false, true) => Readers::Authenticated,
        (false, false) => Readers::Named,
    }
}
