//! Says with every request whose bucket is meant, and with every write what the bucket demands of it. This is done in
//! one place for all operations, so that no request can lack it.

use aws_sdk_s3::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::copy_object::CopyObjectInput;
use aws_sdk_s3::operation::create_multipart_upload::CreateMultipartUploadInput;
use aws_sdk_s3::operation::put_object::PutObjectInput;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption};

use crate::base::tool_folder;
use crate::repository::config::{Acl, Demands, Encryption};

/// Adds the ACL and the encryption to each object that is written, copied or begun in parts. The parts themselves
/// accept neither.
#[derive(Debug)]
pub struct Stating {
    /// The account that owns the bucket: S3 answers 403 if it is another one's.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
    pub owner: Option<String>,
    pub demands: Demands,
}

const OWNER: &str = "x-amz-expected-bucket-owner";
const SOURCE_OWNER: &str = "x-amz-source-expected-bucket-owner";

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

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(owner) = &self.owner else { return Ok(()) };
        let headers = context.request_mut().headers_mut();
        headers.try_insert(OWNER, owner.clone())?;
        if headers.contains_key("x-amz-copy-source") {
            headers.try_insert(SOURCE_OWNER, owner.clone())?;
        }
        Ok(())
    }
}

impl Stating {
    fn acl(&self, key: Option<&str>) -> Option<ObjectCannedAcl> {
        let acl = match tool_folder::is_in(key.unwrap_or_default()) {
            true => self.demands.acl?.of_own_objects()?,
            false => self.demands.acl?,
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
        match &self.demands.encryption {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), Some(key.clone())),
        }
    }
}
