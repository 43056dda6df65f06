//! What is live in a place of a bucket, as its record and its listing tell it: the deploy, and what others have
//! done to its objects since.

use super::Scope;
use crate::base::tool_folder::{self, Entry};
use crate::bucket::Listing;
use crate::bucket::record::{Deploy, Record};

/// A place and what is in it.
#[derive(Debug, Default)]
pub struct PlaceState {
    /// `None` where no deploy is known.
    pub deploy: Option<Deploy>,
    /// Whether a later deploy was begun and has not ended: it runs still, or was cut off.
    pub is_unfinished: bool,
    /// Objects in the place, the tool's own and those of others aside.
    pub objects: u64,
    pub drift: Drift,
    /// The names of the earlier deploys that are remembered, the newest first.
    pub earlier: Vec<String>,
}

/// The keys of objects that are not as the last deploy left them, each list in order.
#[derive(Debug, Default)]
pub struct Drift {
    pub changed: Vec<String>,
    pub added: Vec<String>,
    pub deleted: Vec<String>,
}

/// Compares what a place holds with its record. `listing` may be of more than the place, which is below `prefix`;
///
/// Where nothing is known of a deploy, nothing is called drift.
pub fn measure(prefix: &str, listing: &Listing, record: Record, scope: &Scope<'_>) -> PlaceState {
    let mut standing = PlaceState { earlier: listing.earlier.clone(), ..PlaceState::default() };
    let mut begun = listing.begun.as_ref();
    for (key, object) in listing.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        // The tool's objects of a place below the one that was listed are objects like others to the listing.
        match tool_folder::parse(prefix, key) {
            Some(Entry::Earlier(name)) => standing.earlier.push(name.to_owned()),
            Some(Entry::Begun) => begun = Some(&object.etag),
            Some(Entry::Record | Entry::Other) | None => {}
        }
        if !scope.has(key) || object.is_folder_marker(key) {
            continue;
        }
        standing.objects += 1;
        if record.headers_of(key, object).is_some() || record.deploy.is_none() {
            continue;
        }
        match record.objects.get(key) {
            Some(_) => standing.drift.changed.push(key.to_owned()),
            None if record.retained.get(key).is_some() => {}
            None => standing.drift.added.push(key.to_owned()),
        }
    }
    if record.deploy.is_some() {
        let gone = record.objects.iter().map(|(key, _)| key);
        let gone = gone.filter(|key| listing.objects.get(key).is_none() && scope.has(key));
        standing.drift.deleted = gone.map(str::to_owned).collect();
    }
    standing.earlier.sort_unstable_by(|one, other| other.cmp(one));
    let live = record.deploy.as_ref().map(Deploy::id);
    standing.earlier.retain(|name| Some(name) != live.as_ref());
    standing.is_unfinished = record.is_followed(begun);
    standing.deploy = record.deploy;
    standing
}
