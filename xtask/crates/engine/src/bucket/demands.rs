//! Says with every write what the bucket demands of it. This is done to the SDK's own input before it becomes a
//! request, in one place for all operations: a write that somebody adds cannot forget it.

use aws_sdk_s3::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::copy_object::CopyObjectInput;
use aws_sdk_s3::operation::create_multipart_upload::CreateMultipartUploadInput;
use aws_sdk_s3::operation::put_object::PutObjectInput;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption};

use crate::base::key::OWN_FOLDER;
use crate::repository::config::{Acl, Demands, Encryption};

/// States the ACL and the encryption of each object that is written, copied or begun in parts. The parts themselves
/// take neither.
#[derive(Debug)]
pub struct Stating(pub Demands);

impl Intercept for Stating {
    fn name(&self) -> &'static str {
        "Stating"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        if let Some(put) = input.downcast_mut::<PutObjectInput>() {
            put.acl = self.acl(put.key.as_deref());
            (put.server_side_encryption, put.ssekms_key_id) = self.encryption();
        } else if let Some(copy) = input.downcast_mut::<CopyObjectInput>() {
            copy.acl = self.acl(copy.key.as_deref());
            (copy.server_side_encryption, copy.ssekms_key_id) = self.encryption();
        } else if let Some(begin) = input.downcast_mut::<CreateMultipartUploadInput>() {
            begin.acl = self.acl(begin.key.as_deref());
            (begin.server_side_encryption, begin.ssekms_key_id) = self.encryption();
        }
        Ok(())
    }
}

impl Stating {
    fn acl(&self, key: Option<&str>) -> Option<ObjectCannedAcl> {
        let acl = match is_own(key.unwrap_or_default()) {
            true => self.0.acl?.of_own_objects()?,
            false => self.0.acl?,
        };
        Some(match acl {
            Acl::Private => ObjectCannedAcl::Private,
            Acl::PublicRead => ObjectCannedAcl::PublicRead,
            Acl::AuthenticatedRead => ObjectCannedAcl::AuthenticatedRead,
            Acl::BucketOwnerRead => ObjectCannedAcl::BucketOwnerRead,
            Acl::BucketOwnerFullControl => ObjectCannedAcl::BucketOwnerFullControl,
        })
    }

    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.0.encryption {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), Some(key.clone())),
        }
    }
}

/// Whether a key is of the tool's own folder, of whichever prefix.
fn is_own(key: &str) -> bool {
    key.split_inclusive('/').any(|folder| folder == OWN_FOLDER)
}
