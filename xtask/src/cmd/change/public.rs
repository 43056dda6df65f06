//! Whether a deploy would take from visitors what they can read now. An object that is written or copied without an
//! ACL is private, whatever ACL the one before it had, and a site that is public by its objects' ACLs answers 403
//! from then on.
//!
//! One object is looked at, and only if no deploy of this tool wrote it: ours were written with what the file says.

use super::{Job, Seen};
use crate::bucket::Readers;
use crate::event::Event;
use crate::headers;
use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::report::Place;

/// Objects that the record does not know, by key: of a bucket without a record, the one that a visitor would miss
/// first.
pub struct Foreign {
    keys: Vec<String>,
    has_record: bool,
}

impl Foreign {
    pub fn of(job: &Job<'_>, seen: &Seen, is_kept: impl Fn(&str) -> bool) -> Foreign {
        let acl = job.run.target.environment.demands.acl;
        let is_decided = acl.is_some_and(|acl| acl.decides_who_reads());
        let has_record = seen.record.deploy.is_some();
        if is_decided || matches!(job.run.place, Place::Local(_)) {
            return Foreign { keys: Vec::new(), has_record };
        }
        let mut known = seen.record.objects.iter().peekable();
        let mut is_foreign = |key: &str, etag: &_| {
            while known.next_if(|(known, _)| *known < key).is_some() {}
            known.peek().is_none_or(|(known, entry)| *known != key || entry.etag != *etag)
        };
        let objects = seen.listing.objects.iter();
        let foreign = objects.filter(|(key, object)| is_foreign(key, &object.etag));
        let mut foreign = foreign.map(|(key, _)| key).filter(|key| !is_kept(key));
        let keys = match has_record {
            true => foreign.map(str::to_owned).collect(),
            false => {
                let first = foreign.next();
                let is_page = |key: &&str| headers::is_page(key, &headers::content_type(key));
                let page = first.into_iter().chain(foreign).find(is_page);
                page.or(first).map(str::to_owned).into_iter().collect()
            }
        };
        Foreign { keys, has_record }
    }

    /// The object to look at: one that the plan writes over, or any if the tool never deployed here.
    fn one(&self, plan: &Plan) -> Option<&str> {
        let mut keys = self.keys.iter().map(String::as_str);
        match self.has_record {
            true => keys.find(|key| plan.overwrites(key)),
            false => keys.next(),
        }
    }

    /// Refuses what would hide the site from its visitors. A store that does not answer, or not this caller, does not
    /// stop a deploy.
    pub async fn refusal(&self, job: &Job<'_>, plan: &Plan) -> Option<Refusal> {
        let key = self.one(plan)?;
        let (who, acl) = match job.bucket.readers(key).await {
            Readers::Everybody => ("everybody", "public-read"),
            Readers::Authenticated => ("everybody with an AWS account", "authenticated-read"),
            Readers::Secret => {
                job.tell.tell(Event::Warning(format!(
                    "the ACL of `{key}` cannot be read (s3:GetObjectAcl); if visitors read the site by the ACLs of its objects, set acl = \"public-read\" in deploy.toml"
                )));
                return None;
            }
            Readers::Named | Readers::Unknown => return None,
        };
        let environment = &job.run.target.environment.name;
        Some(Refusal::new(
            "public-acl",
            format!(
                "`{key}` can be read by {who} because of its ACL, and what this deploy writes could not be"
            ),
            format!(
                "below [environments.{environment}] of deploy.toml, write acl = \"{acl}\"; or acl = \"private\" if visitors read the site by a policy of the bucket"
            ),
        ))
    }
}
