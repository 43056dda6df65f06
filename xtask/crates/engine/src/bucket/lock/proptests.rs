//! Whatever bytes a lock has, it is held until it expires, and it does expire.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

use super::note::{Note, holder};
use crate::base::humanize::plain;
use crate::base::proptests::{cases, check_words, text};
use crate::bucket::Own;
use crate::repository::ci;

/// The longest time that a lock lasts, whatever it says.
const DAY: u64 = 24 * 60 * 60;

/// A time in the far future, in seconds since 1970, to which others can be added.
const LATE: u64 = 1 << 40;

/// A name as somebody may have set it.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z@.-]{1,12}", 2 => text(), 1 => "[a-z\u{1b}]{190,210}"]
}

/// Seconds since 1970 as somebody may have written them.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..10u64, Just(u64::MAX)]
}

/// An expiry that this tool may use.
fn expiry() -> impl Strategy<Value = Duration> {
    (1..=DAY).prop_map(Duration::from_secs)
}

fn note() -> impl Strategy<Value = Note> {
    ("[0-9a-f]{8}", name(), 0..LATE, expiry())
        .prop_map(|(id, who, now, expiry)| Note::new(&id, &who, now, expiry))
}

/// What may be in the bucket under the lock's name: a note, a note with changed bytes, a note with odd values, or any
/// bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let changes =
        vec((any::<Index>(), prop_oneof![any::<u8>(), select(b"0123456789\",:{}".to_vec())]), 0..4);
    let changed = (note(), changes).prop_map(|(note, changes)| {
        let mut bytes = note.render();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    });
    let odd = (0..3u32, text(), name(), [time(), time(), time(), time()]).prop_map(
        |(version, id, who, [since, renewed, expires, renewals])| {
            let odd = json!({
                "version": version, "id": id, "who": who, "since": since, "renewed": renewed,
                "expires": expires, "renewals": renewals,
            });
            odd.to_string().into_bytes()
        },
    );
    prop_oneof![changed, odd, vec(any::<u8>(), 0..30)]
}

fn own(body: Vec<u8>, modified: u64) -> Own {
    Own { body, etag: "etag".to_owned(), modified }
}

/// All words for the user about the deploy that holds the lock.
fn check_holder(own: &Own, now: Option<u64>, expiry: Duration) -> Result<(), TestCaseError> {
    if let Some(found) = holder(own, now, expiry) {
        let refusal = found.refusal("p/.xtask/lock");
        for words in [refusal.message, refusal.hint.to_string(), found.name()] {
            // A name may be empty, and is always shown in backticks.
            check_words(&format!("`{words}`"))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_note_is_read_as_it_was_written_with_a_name_that_only_shows(mut note in note()) {
        let read = Note::parse(&note.render()).unwrap();
        note.who = plain(&ci::without_logins(&note.who)).chars().take(200).collect();
        prop_assert_eq!(read, note);
    }

    #[test]
    fn a_note_that_is_cut_anywhere_cannot_be_read_and_is_somebodys(
        note in note(),
        cut in any::<Index>(),
        expiry in expiry(),
    ) {
        let bytes = note.render();
        let own = own(bytes[..cut.index(bytes.len())].to_vec(), note.renewed);
        let reason = Note::parse(&own.body).unwrap_err();
        check_words(&reason)?;
        prop_assert!(holder(&own, Some(own.modified + expiry.as_secs() - 1), expiry).is_some());
        prop_assert!(holder(&own, Some(own.modified + expiry.as_secs()), expiry).is_none());
    }

    #[test]
    fn what_a_note_says_cannot_command_a_terminal(
        body in body(),
        (modified, now) in (time(), prop::option::of(time())),
        expiry in expiry(),
    ) {
        match Note::parse(&body) {
            Ok(note) => {
                prop_assert!(plain(&note.who) == note.who);
                prop_assert!(note.who.chars().count() <= 200);
            }
            Err(reason) => check_words(&reason)?,
        }
        check_holder(&own(body, modified), now, expiry)?;
    }

    #[test]
    fn no_lock_lasts_longer_than_a_day_and_none_ends_before_it_is_known_to(
        body in body(),
        modified in 0..LATE,
        waited in 0..3 * DAY,
        expiry in expiry(),
    ) {
        let own = own(body, modified);
        let now = modified + waited;
        match holder(&own, Some(now), expiry) {
            Some(found) => {
                prop_assert!(waited < DAY);
                // It expires exactly when it says.
                let ends = found.ends.unwrap();
                prop_assert!(ends > 0 && holder(&own, Some(now + ends), expiry).is_none());
                prop_assert!(holder(&own, Some(now + ends - 1), expiry).is_some());
            }
            None => prop_assert!(holder(&own, Some(now + 1), expiry).is_none(), "it stays ended"),
        }
        prop_assert!(holder(&own, None, expiry).is_some(), "a store without a clock has no end of a lock");
    }

    #[test]
    fn a_note_holds_for_as_long_as_it_was_made_to_however_often_it_is_renewed(
        (id, who, begun, expiry) in ("[0-9a-f]{8}", name(), 0..LATE, expiry()),
        renewals in vec(prop_oneof![0..3u64, 0..2 * DAY], 0..5),
    ) {
        let mut note = Note::new(&id, &who, begun, expiry);
        let mut states = vec![note.render()];
        for elapsed in renewals {
            note = note.renewed(Duration::from_secs(elapsed));
            prop_assert_eq!((note.since, note.renewed), (begun, begun + elapsed));
            prop_assert!(!states.contains(&note.render()), "two states that are the same bytes");
            states.push(note.render());
        }
        let own = own(note.render(), note.renewed);
        let ends = note.renewed + expiry.as_secs();
        prop_assert!(holder(&own, Some(ends - 1), Duration::ZERO).is_some());
        prop_assert!(holder(&own, Some(ends), Duration::ZERO).is_none());
    }
}
