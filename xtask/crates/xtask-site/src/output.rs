//! What a run prints.

pub mod color;
pub mod progress;
pub mod report;
