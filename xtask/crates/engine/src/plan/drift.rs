//! What is live in a place of a bucket, according to its record and its listing: the deploy, and what others have
//! changed since.

use super::Scope;
use crate::base::tool_folder::{self, Entry};
use crate::bucket::Listing;
use crate::bucket::record::{Deploy, Record};

/// What is in a place.
#[derive(Debug, Default)]
pub struct PlaceState {
    /// `None` if no deploy is known.
    pub deploy: Option<Deploy>,
    /// Whether a later deploy began and has not ended: it is still running, or was cut off.
    pub is_unfinished: bool,
    /// How many objects belong to the site.
    pub objects: u64,
    pub drift: Drift,
    /// The names of the earlier deploys in the record's history, newest first.
    pub earlier: Vec<String>,
}

/// The keys of the objects that are not as the last deploy left them. Each list is in order.
#[derive(Debug, Default)]
pub struct Drift {
    pub changed: Vec<String>,
    pub added: Vec<String>,
    pub deleted: Vec<String>,
}

/// Compares what a place holds with its record. The place is below `prefix`, and `listing` may cover more.
///
/// If no deploy is known, nothing counts as drift.
pub fn measure(prefix: &str, listing: &Listing, record: Record, scope: &Scope<'_>) -> PlaceState {
    let mut state = PlaceState { earlier: listing.earlier.clone(), ..PlaceState::default() };
    let mut begun = listing.begun.as_ref();
    for (key, object) in listing.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        // If the listing is of a place further up, it has the tool's objects of this place among its ordinary objects.
        match tool_folder::parse(prefix, key) {
            Some(Entry::Earlier(name)) => state.earlier.push(name.to_owned()),
            Some(Entry::Begun) => begun = Some(&object.etag),
            Some(Entry::Record | Entry::Other) | None => {}
        }
        if !scope.has(key) || object.is_folder_marker(key) {
            continue;
        }
        state.objects += 1;
        if record.headers_of(key, object).is_some() || record.deploy.is_none() {
            continue;
        }
        match record.objects.get(key) {
            Some(_) => state.drift.changed.push(key.to_owned()),
            None if record.retained.get(key).is_some() => {}
            None => state.drift.added.push(key.to_owned()),
        }
    }
    if record.deploy.is_some() {
        let gone = record.objects.iter().map(|(key, _)| key);
        let gone = gone.filter(|key| listing.objects.get(key).is_none() && scope.has(key));
        state.drift.deleted = gone.map(str::to_owned).collect();
    }
    state.earlier.sort_unstable_by(|one, other| other.cmp(one));
    let live = record.deploy.as_ref().map(Deploy::id);
    state.earlier.retain(|name| Some(name) != live.as_ref());
    state.is_unfinished = record.is_followed(begun);
    state.deploy = record.deploy;
    state
}
