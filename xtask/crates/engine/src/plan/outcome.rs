//! What a run did to the bucket.

use crate::base::error::Failure;
use crate::bucket::record::Written;

#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of their keys.
    pub written: Vec<Written>,
    pub deleted: Vec<String>,
    pub failures: Vec<(String, Failure)>,
    /// Files that were not tried, because something before them failed or the run was stopped.
    pub not_tried: u64,
    /// Whether the run was stopped before all of the plan was tried.
    pub is_cut_off: bool,
    /// Of bodies that arrived.
    pub bytes_sent: u64,
    /// The name of the deploy that is live, once this run has ended well.
    pub id: Option<String>,
}
