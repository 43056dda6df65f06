//! `Content-MD5`, which every store verifies. The CRCs that the SDK prefers are declined by older stores.

use aws_sdk_s3::config::http::HttpRequest;
use md5::{Digest as _, Md5};

/// The value of the header for an MD5.
pub fn of(md5: &[u8; 16]) -> String {
    aws_smithy_types::base64::encode(md5)
}

/// Sends the MD5 of a request's body in place of the CRC. `DeleteObjects` requires one of the two.
pub fn replace_crc(request: &mut HttpRequest) {
    let Some(body) = request.body().bytes() else { return };
    let md5 = of(&Md5::digest(body).into());
    let headers = request.headers_mut();
    headers.insert("content-md5", md5);
    headers.remove("x-amz-checksum-crc32");
    headers.remove("x-amz-sdk-checksum-algorithm");
}
