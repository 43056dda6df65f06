//! What a run did to the bucket.

use crate::base::error::Failure;
use crate::bucket::record::Written;

#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of their keys.
    pub written: Vec<Written>,
    pub deleted: Vec<String>,
    pub failures: Vec<(String, Failure)>,
    /// Files that were not tried, because an earlier step failed or the run was stopped.
    pub not_tried: u64,
    /// Whether the run was stopped before the whole plan was tried.
    pub is_cut_off: bool,
    /// Bytes of the request bodies that arrived.
    pub bytes_sent: u64,
    /// The name of this deploy, once it is live.
    pub id: Option<String>,
}
