//! Who may read an object because of its ACL. A write without an ACL makes an object private, so a site that was public
//! because of its objects' ACLs would answer 403 from then on.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{Grant, Owner, Permission, Type};

use super::Bucket;

/// Who, besides its owner, may read an object because of its ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Only the owner.
    Owner,
    /// An account that the ACL names: another account, or an identity of CloudFront.
    Others,
    Everybody,
    /// Everybody who has an AWS account.
    Authenticated,
    /// The caller may not ask (s3:GetObjectAcl).
    Secret,
    /// The store cannot answer this.
    Unknown,
}

impl Bucket {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>
    pub async fn readers(&self, key: &str) -> Readers {
        let request = self.client.get_object_acl().bucket(&self.name).key(key);
        match request.send().await {
            Ok(acl) => readers(acl.owner().and_then(Owner::id), acl.grants()),
            Err(error) if error.code() == Some("AccessDenied") => Readers::Secret,
            Err(_) => Readers::Unknown,
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee>
fn readers(owner: Option<&str>, grants: &[Grant]) -> Readers {
    let may_read = |grant: &&Grant| {
        matches!(grant.permission(), Some(Permission::Read | Permission::FullControl))
    };
    let grantees = || grants.iter().filter(may_read).filter_map(Grant::grantee);
    let has_group =
        |group: &str| grantees().filter_map(|one| one.uri()).any(|uri| uri.ends_with(group));
    // Stores without accounts give no names, or an empty name.
    let accounts = grantees().filter(|one| *one.r#type() == Type::CanonicalUser);
    let mut accounts = accounts.filter_map(|one| one.id()).filter(|id| !id.is_empty());
    match owner {
        _ if has_group("/groups/global/AllUsers") => Readers::Everybody,
        _ if has_group("/groups/global/AuthenticatedUsers") => Readers::Authenticated,
        Some(owner) if !owner.is_empty() && accounts.any(|id| id != owner) => Readers::Others,
        _ => Readers::Owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::Grantee;

    #[test]
    fn an_acl_tells_who_reads() {
        let account = |id: &str, permission| {
            let grantee = Grantee::builder().r#type(Type::CanonicalUser).id(id).build().unwrap();
            Grant::builder().grantee(grantee).permission(permission).build()
        };
        let group = |name: &str, permission| {
            let uri = format!("http://acs.amazonaws.com/groups/{name}");
            let grantee = Grantee::builder().r#type(Type::Group).uri(uri).build().unwrap();
            Grant::builder().grantee(grantee).permission(permission).build()
        };
        let own = || account("me", Permission::FullControl);
        let all = || group("global/AllUsers", Permission::Read);
        let authenticated = || group("global/AuthenticatedUsers", Permission::FullControl);
        let logs = || group("s3/LogDelivery", Permission::Read);
        let identity = || account("oai", Permission::Read);
        for (owner, grants, expected) in [
            (Some("me"), vec![], Readers::Owner),
            (Some("me"), vec![own()], Readers::Owner),
            (Some("me"), vec![own(), all()], Readers::Everybody),
            (Some("me"), vec![identity(), authenticated(), all()], Readers::Everybody),
            (Some("me"), vec![own(), authenticated(), identity()], Readers::Authenticated),
            (Some("me"), vec![own(), identity()], Readers::Others),
            (Some("me"), vec![account("oai", Permission::FullControl)], Readers::Others),
            (Some("me"), vec![own(), account("oai", Permission::Write)], Readers::Owner),
            (Some("me"), vec![own(), account("oai", Permission::ReadAcp)], Readers::Owner),
            (Some("me"), vec![own(), logs()], Readers::Owner),
            (Some("me"), vec![own(), group("global/AllUsers", Permission::Write)], Readers::Owner),
            (None, vec![own()], Readers::Owner),
            (Some(""), vec![account("", Permission::FullControl)], Readers::Owner),
        ] {
            assert_eq!(readers(owner, &grants), expected, "{owner:?} {grants:?}");
        }
    }
}
