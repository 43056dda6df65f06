//! What every stage uses: errors, events, keys and headers, and helpers that know nothing about deploys.

pub(crate) mod byte_search;
pub(crate) mod error;
pub mod hint;
pub(crate) mod etag;
pub(crate) mod parts;
pub(crate) mod event;
pub(crate) mod schema_version;
pub mod headers;
pub(crate) mod key;
pub mod limits;
pub(crate) mod parallel;
pub(crate) mod refusal;
pub mod redact;
pub(crate) mod sniff;
pub(crate) mod sorted_map;
pub mod cancel;
pub mod tool_folder;
pub mod humanize;
#[cfg(test)]
pub(crate) mod proptests;

pub use cancel::Stop;
pub use error::{Error, Failure, Result, WHOLE_TOOL, failed};
pub use etag::Etag;
pub use event::{Amount, Event, Stage, Tell};
pub use headers::Headers;
pub use hint::Hint;
pub use key::{Prefix, branch_segment};
pub use refusal::{CODES as REFUSAL_CODES, Refusal};
