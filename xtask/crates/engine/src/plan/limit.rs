//! When a plan deletes too much: it would empty the site, blank its home page, or delete more than a share of the
//! objects. A build that stopped halfway looks like this, and so does a mistyped prefix.

use super::{Approved, Loss, Plan};
use crate::base::hint::{Argument, Command, Hint};
use crate::base::humanize::count;
use crate::base::refusal::Refusal;

/// How many objects of a kind a deploy would delete or blank, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub lost: u64,
    pub of: u64,
}

/// Up to this many deletes are few, unless they are more than half of the objects.
const FEW_DELETES: u64 = 20;

/// Up to this share of the objects is small. In percent.
const SMALL_SHARE: u64 = 25;

impl Share {
    fn limit(self) -> u64 {
        FEW_DELETES.max(self.of * SMALL_SHARE / 100).min(self.of / 2)
    }

    fn is_too_much(self) -> bool {
        self.lost > self.limit()
    }

    fn words(self) -> String {
        match self.limit() == self.of / 2 {
            true => "the limit is half of them".to_owned(),
            false => {
                format!("the limit is {FEW_DELETES}, or {SMALL_SHARE} % of them if that is more")
            }
        }
    }
}

impl Plan {
    /// Refuses a plan that would empty the bucket, lose or blank the home page, or delete more than the limit. The
    /// limit is `limit` objects if it is given. Otherwise it is a share of the objects, and the same share of the
    /// pages.
    pub fn approve(self, limit: Option<u64>) -> Result<Approved, Refusal> {
        match self.refusal(limit) {
            Some(refusal) => Err(refusal),
            None => Ok(Approved(self)),
        }
    }

    /// Why this plan is not approved; `None` if it is.
    pub fn refusal(&self, limit: Option<u64>) -> Option<Refusal> {
        self.empty_site().or_else(|| self.too_many_deletes(limit))
    }

    fn empty_site(&self) -> Option<Refusal> {
        const LOOK: &str = "check the log of the build, and `output` of [build] in deploy.toml";
        if self.uploads.is_empty() && self.unchanged == 0 {
            let message = "the site has no files to deploy, so a deploy would only delete objects";
            return Some(Refusal::new("empty-site", message, LOOK));
        }
        let (key, loss) = self.home.as_ref()?;
        let message = match loss {
            Loss::Gone => {
                format!("the site has no `{key}`, but the home page is live in the bucket")
            }
            Loss::Blank => format!("`{key}` is blank, but the live home page is not"),
        };
        let hint =
            format!("{LOOK}; to deploy without a home page, delete `{key}` from the bucket first");
        Some(Refusal::new("empty-site", message, hint))
    }

    fn too_many_deletes(&self, limit: Option<u64>) -> Option<Refusal> {
        let (objects, pages, named) = (self.objects, self.pages, self.named_pages);
        let (share, noun, bound) = match limit {
            // A limit of zero means every delete, also those that otherwise do not count.
            Some(0) if self.deletes.len() as u64 > objects.lost => {
                let lost = self.deletes.len() as u64;
                (Share { lost, of: self.listed }, "object", "the limit is 0".to_owned())
            }
            Some(limit) if objects.lost > limit => {
                (objects, "object", format!("the limit is {limit}"))
            }
            None if objects.is_too_much() => (objects, "object", objects.words()),
            None if pages.is_too_much() => (pages, "page", pages.words()),
            None if named.is_too_much() => (named, "page", named.words()),
            _ => return None,
        };
        let verb = if self.blanked > 0 { "delete or blank" } else { "delete" };
        let Share { lost, of } = share;
        let enough = lost.max(objects.lost);
        let again = Command::again().with(Argument::MaxDeletes(enough));
        Some(Refusal::new(
            "too-many-deletes",
            format!("this would {verb} {lost} of {}, and {bound}", count(of, noun)),
            Hint::from("list them with --dry-run; to delete them anyway: ").then(again),
        ))
    }
}
