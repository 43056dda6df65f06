//! Receives the body of an object. A store cannot be trusted to send it in time, or to end it.

use std::time::{Duration, Instant};

use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::ByteStream;

/// Passes the pieces of a body to `each`, until there are no more or it wants no more.
///
/// # Errors
/// How the body broke off, or [`Slow`].
pub async fn take(
    body: &mut ByteStream,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<(), BoxError> {
    let (begun, mut length) = (Instant::now(), 0);
    loop {
        let left = patience(length).saturating_sub(begun.elapsed());
        match tokio::time::timeout(left, body.next()).await {
            Ok(Some(Ok(bytes))) => {
                length += bytes.len() as u64;
                if !each(&bytes) {
                    return Ok(());
                }
            }
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) => return Ok(()),
            Err(_) => return Err(Slow.into()),
        }
    }
}

/// The time limit, counted from the beginning, for the bytes that follow the first `length`. Without a limit, a store
/// that sends a byte now and then would never come to an end.
fn patience(length: u64) -> Duration {
    FIRST_BYTES + Duration::from_secs(length / SLOWEST)
}

const FIRST_BYTES: Duration = Duration::from_secs(60);

/// In bytes per second.
const SLOWEST: u64 = 10_000;

/// A body that arrives too slowly.
#[derive(Debug)]
pub struct Slow;

impl std::error::Error for Slow {}

impl std::fmt::Display for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "less than {} kB a second arrived", SLOWEST / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_trickles_is_not_waited_for() {
        // A byte every half second.
        let waited = (0..).step_by(500).map(Duration::from_millis);
        let ended = (1..).zip(waited).find(|(bytes, elapsed)| patience(*bytes) < *elapsed);
        assert_eq!(ended.map(|(bytes, _)| bytes), Some(122));
        assert!(patience(20 << 20) > Duration::from_secs(20 << 20) / 10_000, "10 kB a second");
    }
}
