//! What has to be done to the bucket: the goal, compared with what is there.

use crate::cmd::deploy::deployment::Deployment;
use crate::cmd::deploy::goal::Goal;
use crate::cmd::deploy::outdated;
use engine::base::hint::{Command, Subcommand};
use engine::base::{Etag, Failure, Hint, Refusal, Result};
use engine::bucket::{Listing, Record, Seen, Unfinished, record};
use engine::plan::{self, Plan, Terms, restore};

pub struct Difference {
    pub listing: Listing,
    pub record: Record,
    /// Whether the record knew less than there is, and has learned it in this run.
    pub learned: bool,
    pub plan: Plan,
    /// Why this deploy comes too late, if it does.
    pub outdated: Option<Refusal>,
}

/// What is kept while the run waits for the lock. The listing is not kept, because it is large.
pub struct Known {
    /// The keys at which the next listing may be split.
    cuts: Vec<String>,
    record: Record,
    learned: bool,
    begun: Option<Etag>,
}

impl Difference {
    /// Whether there is something to write. Besides the plan, the record can be a reason: if it knows less than this
    /// run does, if it is of another deploy than the one to restore, or if a deploy was begun after it and has not
    /// ended.
    pub fn is_something(&self, goal: &Goal) -> bool {
        let Difference { listing, record, plan, .. } = self;
        let is_told = match (goal.again(), &record.deploy) {
            (Some(again), Some(live)) => live.origin() == again,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let retained = plan.retained.iter().map(|(key, since)| (key.as_str(), since));
        !plan.is_empty()
            || self.learned
            || !is_told
            || record.is_followed(listing.begun.as_ref())
            || !record.retained.iter().eq(retained)
    }

    /// Why the plan must not be carried out.
    pub fn refusal(&self, deployment: &Deployment<'_>, goal: &Goal) -> Option<Refusal> {
        let late = self.outdated.clone().filter(|_| deployment.in_ci && self.is_something(goal));
        let refusal = late.or_else(|| self.plan.refusal(deployment.limit()));
        refusal.map(|refusal| deployment.explain(refusal))
    }

    /// Whether this run is going to write to the bucket.
    pub fn is_to_be_written(&self, deployment: &Deployment<'_>, goal: &Goal) -> bool {
        let is_allowed = self.refusal(deployment, goal).is_none();
        !deployment.doing.dry_run && is_allowed && self.is_something(goal)
    }

    pub fn known(self) -> Known {
        let Difference { record, learned, listing, .. } = self;
        Known { cuts: listing.cuts(), record, learned, begun: listing.begun }
    }
}

/// Compares the goal with the bucket. `learned` says whether the record has already learned something in this run.
pub async fn compare(
    deployment: &Deployment<'_>,
    goal: &Goal,
    seen: Seen,
    learned: bool,
) -> Result<Difference> {
    let Deployment { bucket, tell, config, .. } = deployment;
    let Seen { listing, mut record } = seen;
    let scope = deployment.scope(&listing);
    let site = match goal {
        Goal::Site(site) | Goal::Rebuilt(site, _) => site.without(|key| !scope.has(key)),
        Goal::Held(_, earlier) => {
            restore::site_of(bucket, earlier, &listing, &record, &scope, tell).await?
        }
    };
    record.etags_are_md5 |= bucket.gives_md5s();
    let learned = record::learn(bucket, &site, &listing, &mut record, tell).await? || learned;
    let prefix = &deployment.place().prefix;
    let terms = Terms {
        grace: deployment.grace(),
        home: goal.home(prefix, &config.website.index),
        spared: goal.spared(&record, prefix),
    };
    let plan = plan::make(site, &listing, &record, &terms, &scope);
    let outdated = match goal.again() {
        Some(_) => None,
        None => outdated::check(deployment, &record).await?,
    };
    Ok(Difference { listing, record, learned, plan, outdated })
}

/// Compares again under the lock, and removes what killed deploys left behind.
pub async fn compare_again(
    deployment: &Deployment<'_>,
    goal: &Goal,
    mut known: Known,
) -> Result<Difference> {
    let Deployment { bucket, tell, .. } = deployment;
    let cuts = std::future::ready(std::mem::take(&mut known.cuts));
    let (listing, unfinished) = tokio::join!(bucket.list(cuts, tell), bucket.unfinished());
    let listing = listing?;
    sweep(deployment, &listing, unfinished).await;
    let is_as_seen = listing.record == known.record.etag;
    if deployment.is_relative && !(is_as_seen && listing.begun == known.begun) {
        return Err(overtaken(deployment).into());
    }
    let (record, learned) = match (is_as_seen, &listing.record) {
        (true, _) => (known.record, known.learned),
        (false, Some(_)) => (record::read(bucket, tell).await?, false),
        (false, None) => (Record::default(), false),
    };
    compare(deployment, goal, Seen { listing, record }, learned).await
}

fn overtaken(deployment: &Deployment<'_>) -> Refusal {
    let environment = &deployment.place().environment.name;
    Refusal::new(
        "overtaken",
        "another deploy ended or was begun meanwhile, so the deploy before the live one has changed",
        Hint::from("look at what is live now, then run it again if you still want to roll back: ")
            .then(Command::of(Subcommand::Status).in_environment(environment)),
    )
}

/// Aborts the multipart uploads that killed deploys began.
async fn sweep(
    deployment: &Deployment<'_>,
    listing: &Listing,
    found: Result<Vec<Unfinished>, Failure>,
) {
    let scope = deployment.scope(listing);
    let swept = match found {
        Ok(mut unfinished) => {
            unfinished.retain(|upload| scope.has(&upload.key));
            deployment.bucket.abort_all(&unfinished).await
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = swept {
        deployment.warn(failure.to_string());
    }
}
