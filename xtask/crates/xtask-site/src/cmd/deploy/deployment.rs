//! What all steps of a deploy or a rollback share.

use crate::cli::ApplyOptions;
use crate::context::{Context, variable};
use crate::output::report::Run;
use engine::base::{Event, Hint, Refusal, Tell};
use engine::bucket::{Bucket, Listing, lock};
use engine::plan::{Entry, Grace, Scope};
use engine::repository::{Checkout, Config, Place, checkout};

use super::goal::Goal;

pub struct Deployment<'a> {
    pub doing: &'a ApplyOptions,
    pub checkout: &'a Checkout,
    pub config: &'a Config,
    pub bucket: &'a Bucket,
    pub run: &'a Run<'a>,
    pub tell: &'a Tell,
    /// In seconds since 1970.
    pub now: u64,
    /// When the commit that is deployed was made, in seconds since 1970, if that is known.
    pub committed: Option<u64>,
    pub in_ci: bool,
    /// Whether the goal depends on which deploy is live.
    pub is_relative: bool,
}

impl<'a> Deployment<'a> {
    /// A deploy of what is checked out.
    pub fn of(
        cx: &'a Context,
        doing: &'a ApplyOptions,
        checkout: &'a Checkout,
        config: &'a Config,
        bucket: &'a Bucket,
        run: &'a Run<'a>,
    ) -> Deployment<'a> {
        let committed = checkout::time_of_head(&checkout.root);
        Deployment {
            doing,
            checkout,
            config,
            bucket,
            run,
            tell: &cx.tell,
            now: cx.now,
            committed: committed.and_then(|time| time.try_into().ok()),
            in_ci: cx.ci.is_ci(),
            is_relative: false,
        }
    }
}

impl Deployment<'_> {
    pub fn place(&self) -> &Place {
        &self.run.target.place
    }

    pub fn scope<'s>(&'s self, listing: &'s Listing) -> Scope<'s> {
        Scope::of(self.config, self.place(), &listing.others)
    }

    pub fn limit(&self) -> Option<u64> {
        self.doing.max_deletes.or(self.place().environment.max_deletes)
    }

    pub fn grace(&self) -> Grace {
        Grace { retain: self.place().environment.retain.unwrap_or_default(), now: self.now }
    }

    /// What the record will say about this run.
    pub fn entry(&self, goal: &Goal) -> Entry<'_> {
        Entry {
            target: self.run.target,
            who: lock::who(&variable),
            committed: self.committed,
            now: self.now,
            again: goal.again().map(str::to_owned),
            left_out: goal.site().map(|site| site.spared().map(str::to_owned).collect()),
        }
    }

    pub fn warn(&self, text: String) {
        self.tell.tell(Event::Warning(text));
    }

    /// The same refusal. If the site is empty, its hint names a submodule that may be the reason.
    pub fn explain(&self, mut refusal: Refusal) -> Refusal {
        if refusal.code == "empty-site"
            && let Some(submodule) = self.empty_submodule()
        {
            refusal.hint = Hint::from(format!("{submodule}; else ")).then(refusal.hint);
        }
        refusal
    }

    /// What to do about a theme that is a submodule and was not checked out.
    pub fn empty_submodule(&self) -> Option<String> {
        let folder = checkout::empty_submodule(&self.checkout.root)?;
        Some(format!("the submodule `{folder}` is empty: git submodule update --init --recursive"))
    }
}
