//! What a bucket demands of requests that write to it: an ACL that keeps objects public, or a header that its policy
//! requires.

/// What is sent with every write. For nearly every bucket, that is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    pub acl: Option<Acl>,
    pub(crate) encryption: Option<Encryption>,
}

/// The canned ACLs that make sense for a site's objects. The others let strangers write, or are for EC2.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acl {
    Private,
    PublicRead,
    AuthenticatedRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
}

/// How the store encrypts what it receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With a key of the store: SSE-S3.
    Aes256,
    /// With a KMS key, by its ARN.
    Kms(String),
}

impl Acl {
    pub const ALL: [Acl; 5] = [
        Acl::Private,
        Acl::PublicRead,
        Acl::AuthenticatedRead,
        Acl::BucketOwnerRead,
        Acl::BucketOwnerFullControl,
    ];

    /// Its name in the header and in `deploy.toml`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Acl::Private => "private",
            Acl::PublicRead => "public-read",
            Acl::AuthenticatedRead => "authenticated-read",
            Acl::BucketOwnerRead => "bucket-owner-read",
            Acl::BucketOwnerFullControl => "bucket-owner-full-control",
        }
    }

    /// The ACL for the tool's own objects: strangers never read the record or the lock. An ACL for the bucket's owner
    /// stays, because a policy may refuse every write without it.
    pub(crate) fn of_own_objects(self) -> Option<Acl> {
        match self {
            Acl::BucketOwnerRead | Acl::BucketOwnerFullControl => Some(self),
            Acl::Private | Acl::PublicRead | Acl::AuthenticatedRead => None,
        }
    }

    /// Whether the file says who may read the site: that strangers may, or explicitly may not.
    pub fn decides_who_reads(self) -> bool {
        self.of_own_objects().is_none()
    }
}
