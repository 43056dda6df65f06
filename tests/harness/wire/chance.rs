//! Chance that can be had again: how a request is dealt with depends on a seed, on what is asked and on the
//! how-manieth time it is asked, and not on the order in which requests of different tasks arrive.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Seen;

/// What draws a number for each request.
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

/// What a query asks for, without what the store chose itself.
fn kind(query: &str) -> String {
    let names = query.split('&').map(|pair| match pair.starts_with("partNumber=") {
        true => pair,
        false => pair.split('=').next().unwrap_or_default(),
    });
    names.map(|name| format!("?{name}")).collect()
}
