//! Where the environments are, as visitors see them.

use super::addresses::split;

/// Where the environments are, as visitors see them.
#[derive(Clone, Debug)]
pub struct Places {
    /// The address of this deploy, if it is known.
    pub own: Option<Base>,
    /// The path of this deploy on its host, such as `/` or `/docs/`.
    pub folder: String,
    /// The other environments, with their names.
    pub others: Vec<(String, Base)>,
    /// The name of the page that is served for a folder.
    pub index: String,
}

impl Places {
    /// Whether an address in a page shows that the page was built for this place.
    pub(crate) fn is_named_by(&self, origin: Option<&str>, path: &str) -> bool {
        match origin {
            Some(origin) => self.own.as_ref().is_some_and(|own| own.has(origin, path)),
            None => self.folder != "/" && is_below(path, &self.folder),
        }
    }
}

/// The address below which a site is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// For example `https://example.com`.
    pub(crate) origin: String,
    /// Begins and ends with a slash.
    pub path: String,
}

impl Base {
    /// `None` if `url` is not an address with a host.
    pub fn of(url: &str) -> Option<Base> {
        let (origin, path) = split(url.as_bytes())?;
        let path = path.trim_matches('/');
        let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        Some(Base { origin, path })
    }

    /// Whether an address leads here. The scheme does not matter: if a browser follows an `http` link, it is redirected
    /// to `https`.
    pub(crate) fn has(&self, origin: &str, path: &str) -> bool {
        host(&self.origin) == host(origin) && is_below(path, &self.path)
    }
}

/// Whether a path is in a folder, which ends with a slash, or is the folder itself.
pub fn is_below(path: &str, folder: &str) -> bool {
    path.starts_with(folder) || path == folder.trim_end_matches('/')
}

/// An origin without its scheme.
pub fn host(origin: &str) -> &str {
    origin.split_once("//").map_or(origin, |(_, host)| host)
}

/// Whether an origin is one used in sample configurations, or by a development server. No site is published there:
/// <https://www.rfc-editor.org/rfc/rfc6761#section-6>
pub fn is_sample(origin: &str) -> bool {
    let host = host(origin);
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_at_or_below = |domain: &str| {
        name.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    ["127.0.0.1", "0.0.0.0", "::1"].contains(&name)
        || ["example.com", "example.net", "example.org", "localhost"]
            .into_iter()
            .any(is_at_or_below)
}
