//! The stages of a deploy, without a terminal: what a run reads in the repository, the built site, the bucket, and the
//! plan that makes the bucket equal to the site.
//!
//! The modules are in reading order, and each uses only those above it and [`base`]: `repository` and `site` do not
//! know the bucket, and `bucket` does not know the plan. Only the subcommands know the order in which the stages run.
//! Each module shows what the other crates use of it, and no more.
//!
//! # Words
//!
//! - *environment*: a named place to deploy to, with the branches that go there ([`repository::Environment`])
//! - *checkout*: the branch and commit of the work tree, as git tells it ([`repository::Checkout`])
//! - *target*: a *place*, the single environment, bucket and prefix that a run may touch, and the *revision* that it
//!   deploys there ([`repository::Target`]). It follows from the configuration, the checkout and CI
//! - *site*: the built files, each with its key, digest and headers ([`site::Site`])
//! - *listing*: all that the bucket holds below the prefix ([`bucket::Listing`]). It is the truth about the bytes
//! - *record*: the object in which the tool describes its last deploy ([`bucket::Record`]). It saves work, and
//!   it is not the truth. Anyone who can write to the bucket can forge it, so it never decides what is run or published
//! - *scope*: which keys belong to the site: those below the prefix that no `keep` glob matches and that are not
//!   another environment's ([`plan::Scope`])
//! - *plan*: site × listing × record, the uploads and deletes, each with its reason ([`plan::Plan`]). It is a value:
//!   printed, approved ([`plan::Approved`]) and then applied ([`plan::apply()`])
//! - *journal*: the record during a deploy ([`plan::Journal`]). It announces the deploy before anything is
//!   written, and says at the end what became of it
//! - *refusal*: something that the tool declines to do ([`base::Refusal`]). Nothing broke

pub mod repository;
pub mod site;
pub mod bucket;
pub mod plan;

pub mod base;
