//! Repeatable chance: what happens to a request depends on a seed, on the request, and on how often it was made before.
//! It does not depend on the order in which requests of different tasks arrive.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Seen;

/// Draws a number for each request.
pub fn draws(seed: u64) -> impl FnMut(&Seen) -> u64 + Send {
    let mut times: HashMap<String, u64> = HashMap::new();
    move |seen| {
        let asked = format!("{} {}{}", seen.method, seen.key(), kind(&seen.query));
        let nth = times.entry(asked.clone()).or_default();
        *nth += 1;
        let mut hasher = DefaultHasher::new();
        (seed, asked, *nth).hash(&mut hasher);
        hasher.finish()
    }
}

/// The kind of a query, without the values that the store chose itself.
fn kind(query: &str) -> String {
    let names = query.split('&').map(|pair| match pair.starts_with("partNumber=") {
        true => pair,
        false => pair.split('=').next().unwrap_or_default(),
    });
    names.map(|name| format!("?{name}")).collect()
}
