//! The stages of a deploy, without a terminal: what a run reads in the repository, the built site, the bucket, and the
//! plan that makes the bucket equal to the site.
//!
//! The modules are in reading order, and each uses only those above it and [`base`]: `repository` and `site` do not
//! know the bucket, and `bucket` does not know the plan.

pub mod repository;
pub mod site;
pub mod bucket;
pub mod plan;

pub mod base;
