//! Tests the tool from outside: the real binary, a scratch repository, and a real S3 endpoint on loopback.
//!
//! The endpoint is the embedded bucket, unless `XTASK_TEST_S3` names the address of another store (with
//! `XTASK_TEST_S3_REGION`, `XTASK_TEST_S3_KEY` and `XTASK_TEST_S3_SECRET`): the same suite runs on both. Between the
//! tool and the store there is a wire that counts requests and can answer in the store's place.

mod harness;

mod adopted;
mod answers;
mod bad_input;
mod browser;
mod build;
mod changed_headers;
mod ci;
mod content;
mod demands;
mod faults;
mod forged;
mod generators;
mod git;
mod handbook;
mod init;
mod interrupted;
mod isolated;
mod large;
mod links;
mod live_site;
mod local;
mod locked;
mod model;
mod networks;
mod opaque;
mod own_files;
mod preview;
mod recipes;
mod records;
mod refused;
mod retained;
mod rollback;
mod stale;
mod status;
mod stores;
mod story;
mod three_accounts;
mod tidy;
mod website;
mod words;
