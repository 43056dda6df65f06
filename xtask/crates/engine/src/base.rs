//! What every stage uses: errors, events, keys and headers, and helpers that know nothing about deploys.

pub mod byte_search;
pub mod error;
pub mod etag;
pub mod parts;
pub mod event;
pub mod schema_version;
pub mod headers;
pub mod key;
pub mod limits;
pub mod parallel;
pub mod refusal;
pub mod redact;
pub mod sniff;
pub mod sorted_map;
pub mod cancel;
pub mod tool_folder;
pub mod humanize;
#[cfg(test)]
pub mod proptests;
