//! The digests that let the server check what arrived: `Content-MD5`, and the checksums that the SDKs have sent by
//! default since 2025, in a header or after the body.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::{S3Result, TrailingHeaders, s3_error};

/// The digests that a request announced, and those of its body so far.
pub struct Digests {
    headers: HeaderMap,
    hasher: ChecksumHasher,
}

impl Digests {
    /// Reads which digests a request announces.
    pub fn announced(headers: &HeaderMap) -> Digests {
        let is = |name: &str| headers.contains_key(name) || in_trailer(headers, name);
        let hasher = ChecksumHasher {
            crc32: is("x-amz-checksum-crc32").then(Default::default),
            crc32c: is("x-amz-checksum-crc32c").then(Default::default),
            sha1: is("x-amz-checksum-sha1").then(s3s::crypto::Sha1::new),
            sha256: is("x-amz-checksum-sha256").then(s3s::crypto::Sha256::new),
            crc64nvme: is("x-amz-checksum-crc64nvme").then(Default::default),
        };
        Digests { headers: headers.clone(), hasher }
    }

    pub fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    /// Compares them with what arrived. Call it after the whole body has been read.
    pub fn verify(self, md5: [u8; 16], trailers: Option<TrailingHeaders>) -> S3Result<()> {
        verify_md5(&self.headers, md5)?;
        let trailers = trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
        let found = self.hasher.finalize();
        let found = [
            ("x-amz-checksum-crc32", found.checksum_crc32),
            ("x-amz-checksum-crc32c", found.checksum_crc32c),
            ("x-amz-checksum-sha1", found.checksum_sha1),
            ("x-amz-checksum-sha256", found.checksum_sha256),
            ("x-amz-checksum-crc64nvme", found.checksum_crc64nvme),
        ];
        for (name, found) in found.into_iter().filter_map(|(name, found)| Some((name, found?))) {
            let expected = self.headers.get(name).or_else(|| trailers.get(name));
            let expected = expected
                .ok_or_else(|| s3_error!(InvalidRequest, "the trailer {name} is missing"))?;
            if expected.as_bytes() != found.as_bytes() {
                return Err(s3_error!(
                    BadDigest,
                    "the {name} you specified did not match the calculated checksum"
                ));
            }
        }
        Ok(())
    }
}

fn in_trailer(headers: &HeaderMap, name: &str) -> bool {
    let announced =
        headers.get_all("x-amz-trailer").into_iter().filter_map(|value| value.to_str().ok());
    announced
        .flat_map(|names| names.split(','))
        .any(|announced| announced.trim().eq_ignore_ascii_case(name))
}

fn verify_md5(headers: &HeaderMap, found: [u8; 16]) -> S3Result<()> {
    let Some(expected) = headers.get("content-md5") else { return Ok(()) };
    let invalid = || s3_error!(InvalidDigest, "the Content-MD5 you specified is not valid");
    let expected =
        base64_simd::STANDARD.decode_to_vec(expected.as_bytes()).map_err(|_| invalid())?;
    let expected: [u8; 16] = expected.try_into().map_err(|_| invalid())?;
    match expected == found {
        true => Ok(()),
        false => Err(s3_error!(
            BadDigest,
            "the Content-MD5 you specified did not match what was received"
        )),
    }
}
