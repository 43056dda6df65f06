//! What every stage uses: errors, events, keys and headers, and helpers that know nothing about deploys.

pub mod byte_search;
pub mod error;
pub mod etag;
pub mod event;
pub mod format;
pub mod headers;
pub mod key;
pub mod limits;
pub mod parallel;
pub mod refusal;
pub mod secrets;
pub mod sniff;
pub mod sorted;
pub mod stop;
pub mod tool_folder;
pub mod words;
#[cfg(test)]
pub mod properties;
