//! A text of `deploy.toml` in which `{branch}` stands for the branch: a prefix, or the site's address.

use crate::base::key;

/// A text in which `{branch}` stands for the branch as one path segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub(super) String);

pub const BRANCH: &str = "{branch}";

impl Template {
    pub fn wants_branch(&self) -> bool {
        self.0.contains(BRANCH)
    }

    pub(crate) fn fill(&self, segment: &str) -> String {
        self.0.replace(BRANCH, segment)
    }

    /// The text for `{branch}` with which the template becomes `filled`; `None` if there is none.
    pub fn segment_of<'t>(&self, filled: &'t str) -> Option<&'t str> {
        let (before, after) = self.0.split_once(BRANCH)?;
        // A folder ends in a slash, whether or not the template does.
        let rest = filled.strip_suffix('/')?.strip_prefix(before)?;
        let segment = rest.strip_suffix(after.strip_suffix('/').unwrap_or(after))?;
        (!segment.is_empty() && !segment.contains('/')).then_some(segment)
    }

    /// The part before `{branch}`, which is the same for every branch.
    pub fn fixed(&self) -> &str {
        self.0.split(BRANCH).next().unwrap_or_default()
    }

    /// Whether `{branch}` is in the host name of an address.
    pub fn has_branch_in_host(&self) -> bool {
        host_of(&self.0).contains(BRANCH)
    }

    /// The message for a branch that results in no valid address, because its text is not valid in a host name:
    /// `feature/login` becomes `feature__login`. `None` if the address is valid.
    pub(crate) fn no_host_with(&self, branch: &str, segment: &str) -> Option<String> {
        if !self.has_branch_in_host() || is_name(host_of(&self.fill(segment))) {
            return None;
        }
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("https", &self.0));
        let host = host_of(&self.0);
        let labels = host.split('.').filter(|label| !label.contains(BRANCH));
        let domain = labels.collect::<Vec<_>>().join(".");
        let path = rest.strip_prefix(host).unwrap_or_default().trim_end_matches('/');
        Some(format!(
            "`{BRANCH}` cannot be in a host name here: for `{branch}` it becomes `{segment}`, which is not valid in a host name; write url = \"{scheme}://{domain}{path}/{BRANCH}/\""
        ))
    }

    /// The same for a branch that a glob matches, with a letter for each wildcard.
    pub(crate) fn no_host_with_glob(&self, glob: &str) -> Option<String> {
        let example = glob.replace("**", "*").replace(['*', '?'], "x");
        let example = example.replace(['{', '}', '[', ']', ',', '!', '\\'], "");
        self.no_host_with(&example, &key::branch_segment(&example))
    }
}

fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// <https://www.rfc-editor.org/rfc/rfc1123#section-2>
fn is_name(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}
