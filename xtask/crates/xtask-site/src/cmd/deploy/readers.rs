//! Whether a deploy would hide from visitors what they can read now. An object that is written or copied without an ACL
//! is private, whatever ACL the one before it had. A site that is public by its objects' ACLs would answer 403 from
//! then on.
//!
//! The ACLs of a few objects that would be overwritten are read. Objects that this tool wrote are no exception: an ACL
//! may have been set afterwards, or removed from `deploy.toml`, and the ETag does not show either.

use futures_util::future::join_all;

use crate::cmd::deploy::deployment::Deployment;
use crate::output::report::Store;
use engine::base::{Event, Refusal, headers};
use engine::bucket::{Listing, Readers, Seen};
use engine::plan::Plan;

/// How many objects are asked about, all at once.
const MOST: usize = 3;

/// The objects that others wrote. They must be noted before the record learns of them.
pub struct Foreign {
    /// The objects that the record does not know, in the order of their keys. If there is no record, it knows none of
    /// them, and none is listed here.
    keys: Vec<String>,
    has_record: bool,
}

impl Foreign {
    /// `None` if there is nothing to ask: deploy.toml says who reads the site, or the bucket is on this machine.
    pub fn of(deployment: &Deployment<'_>, seen: &Seen) -> Option<Foreign> {
        let acl = deployment.place().environment.demands.acl;
        let is_decided = acl.is_some_and(|acl| acl.decides_who_reads());
        if is_decided || matches!(deployment.run.store, Store::Local(_)) {
            return None;
        }
        let has_record = seen.record.deploy.is_some();
        let mut known = seen.record.objects.iter().peekable();
        let mut is_foreign = |key: &str, etag: &_| {
            while known.next_if(|(known, _)| *known < key).is_some() {}
            known.peek().is_none_or(|(known, entry)| *known != key || entry.etag != *etag)
        };
        let objects = seen.listing.objects.iter().filter(|_| has_record);
        let foreign = objects.filter(|(key, object)| is_foreign(key, &object.etag));
        let keys = foreign.map(|(key, _)| key.to_owned()).collect();
        Some(Foreign { keys, has_record })
    }

    fn has(&self, key: &str) -> bool {
        !self.has_record || self.keys.binary_search_by(|known| known.as_str().cmp(key)).is_ok()
    }

    /// Refuses a deploy that would hide the site from its visitors. If the store does not answer, or denies this caller
    /// the answer, the deploy goes on.
    pub async fn refusal(
        &self,
        deployment: &Deployment<'_>,
        plan: &Plan,
        listing: &Listing,
    ) -> Option<Refusal> {
        let scope = deployment.scope(listing);
        let mut keys: Vec<&str> = plan.overwritten().collect();
        if keys.is_empty() && !self.has_record {
            // All objects of the site are new. The objects that are there show how visitors read this bucket.
            keys =
                listing.objects.iter().map(|(key, _)| key).filter(|key| scope.has(key)).collect();
        }
        let home = deployment.place().prefix.join(&deployment.config.website.index);
        let asked = self.sample(&keys, &home);
        let answers = join_all(asked.iter().map(|key| deployment.bucket.readers(key))).await;
        let answers = asked.into_iter().zip(answers);
        let mut secret = None;
        for (key, readers) in answers {
            match readers {
                Readers::Everybody | Readers::Authenticated | Readers::Others => {
                    if let Some(refusal) = refuse(deployment, key, readers) {
                        return Some(refusal);
                    }
                }
                Readers::Secret if self.has(key) => secret = secret.or(Some(key)),
                Readers::Secret | Readers::Owner | Readers::Unknown => {}
            }
        }
        if let Some(key) = secret {
            deployment.tell.tell(Event::Warning(format!(
                "the ACL of `{key}` cannot be read (s3:GetObjectAcl); if visitors read the site by the ACLs of its objects, set acl = \"public-read\" in deploy.toml"
            )));
        }
        None
    }

    /// A few of the keys, which are in order: the home page, one that others wrote, and the last, the first and the
    /// middle page.
    fn sample<'k>(&self, keys: &[&'k str], home: &str) -> Vec<&'k str> {
        let is_page = |key: &&&str| headers::is_page(key, &headers::content_type(key));
        let mut pages: Vec<&&str> = keys.iter().filter(is_page).collect();
        if pages.is_empty() {
            pages = keys.iter().collect();
        }
        let foreign_page = pages.iter().copied().find(|key| self.has(key));
        let picked = [
            keys.iter().find(|key| **key == home),
            foreign_page.or_else(|| keys.iter().find(|key| self.has(key))),
            pages.last().copied(),
            pages.first().copied(),
            pages.get(pages.len() / 2).copied(),
        ];
        let mut sample: Vec<&str> = Vec::new();
        for key in picked.into_iter().flatten() {
            if sample.len() < MOST && !sample.contains(key) {
                sample.push(key);
            }
        }
        sample
    }
}

/// Refuses to overwrite an object that others than its owner can read.
fn refuse(deployment: &Deployment<'_>, key: &str, readers: Readers) -> Option<Refusal> {
    let environment = &deployment.place().environment;
    let place = format!("below [environments.{}] of deploy.toml", environment.name);
    let (who, hint) = match readers {
        Readers::Everybody => ("everybody", by_acl(&place, "public-read")),
        Readers::Authenticated => {
            ("everybody with an AWS account", by_acl(&place, "authenticated-read"))
        }
        // The configured ACL is one for the bucket's owner, and that is the account that can read.
        Readers::Others if environment.demands.acl.is_some() => return None,
        Readers::Others => (
            "an account that does not own it",
            format!(
                "let that account read by a policy of the bucket, and {place} write acl = \"private\"; or, if it is the bucket's owner, acl = \"bucket-owner-full-control\""
            ),
        ),
        Readers::Owner | Readers::Secret | Readers::Unknown => return None,
    };
    Some(Refusal::new(
        "public-acl",
        format!(
            "`{key}` can be read by {who} because of its ACL, but objects that this deploy writes could not"
        ),
        hint,
    ))
}

fn by_acl(place: &str, acl: &str) -> String {
    format!(
        "{place}, write acl = \"{acl}\"; or acl = \"private\" if visitors read the site by a policy of the bucket"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_home_page_and_pages_from_all_ends() {
        let sample = |foreign: &[&str], has_record, keys: &[&str]| {
            let keys_of_others = foreign.iter().map(|key| (*key).to_owned()).collect();
            let foreign = Foreign { keys: keys_of_others, has_record };
            foreign.sample(keys, "index.html").join(" ")
        };
        for (foreign, has_record, keys, expected) in [
            (&[][..], true, &[][..], ""),
            (&[], true, &["a.css"], "a.css"),
            (&[], true, &["a.html", "b.html", "m.html", "z.html"], "z.html a.html m.html"),
            (&[], true, &["a.html", "index.html", "z.html"], "index.html z.html a.html"),
            (&[], true, &["a.css", "b.png", "c.html"], "c.html"),
            (&["b.html"], true, &["a.html", "b.html", "c.html", "d.html"], "b.html d.html a.html"),
            (&["b.png"], true, &["a.html", "b.png", "c.html"], "b.png c.html a.html"),
            (&[], false, &["a.html", "index.html", "z.html"], "index.html a.html z.html"),
            (&[], false, &["a.css", "b.css", "c.css"], "a.css c.css b.css"),
        ] {
            assert_eq!(sample(foreign, has_record, keys), expected, "{foreign:?} {keys:?}");
        }
    }
}
