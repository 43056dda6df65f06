//! The stages of a deploy, without a terminal: what a run reads in the repository, the site that was built, the bucket,
//! and the plan that makes the one equal to the other.
//!
//! The modules stand in reading order, and each uses only those above it and [`base`]: `repository` and `site` know no
//! bucket, and `bucket` knows no plan.

pub mod repository;
pub mod site;
pub mod bucket;
pub mod plan;

pub mod base;
