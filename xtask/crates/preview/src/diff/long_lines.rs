//! Where two long lines differ. A minified page or script is one long line, and a change can be anywhere in it.

use std::ops::Range;

use similar::{DiffTag, TextDiff};

use super::PATIENCE;

/// Lines that are longer, in bytes, are shown in pieces.
pub const LONG: usize = 500;

/// Bytes that are shown on each side of a change. Changes whose surroundings overlap are shown as one.
const AROUND: usize = 80;

/// A piece that is longer, in bytes, is cut.
const LONGEST: usize = 2000;

/// Characters after which a readable text could have a line break. Lines are compared in pieces that end with them.
const ENDS: [char; 8] = ['>', ';', '{', '}', ',', ' ', '(', ')'];

/// The text around each place in which two lines differ, old and new.
pub fn places(old: &str, new: &str) -> Vec<(String, String)> {
    let (old, new) = (old.trim_end_matches(['\n', '\r']), new.trim_end_matches(['\n', '\r']));
    let (old_pieces, new_pieces) = (pieces(old), pieces(new));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old_pieces, &new_pieces);
    let (old_starts, new_starts) = (starts(&old_pieces), starts(&new_pieces));
    let mut changed: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for op in diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal) {
        let old = old_starts[op.old_range().start]..old_starts[op.old_range().end];
        let new = new_starts[op.new_range().start]..new_starts[op.new_range().end];
        match changed.last_mut() {
            Some(last) if old.start < last.0.end + 2 * AROUND => {
                (last.0.end, last.1.end) = (old.end, new.end);
            }
            _ => changed.push((old, new)),
        }
    }
    let shown = changed.into_iter().map(|(a, b)| (surroundings(old, a), surroundings(new, b)));
    shown.collect()
}

fn pieces(line: &str) -> Vec<&str> {
    line.split_inclusive(ENDS).collect()
}

/// Where each piece begins, and where the last one ends.
fn starts(pieces: &[&str]) -> Vec<usize> {
    let mut starts = vec![0];
    starts.extend(pieces.iter().scan(0, |end, piece| {
        *end += piece.len();
        Some(*end)
    }));
    starts
}

/// A part of a line with some text around it.
fn surroundings(line: &str, part: Range<usize>) -> String {
    let from = line.floor_char_boundary(part.start.saturating_sub(AROUND));
    let end = line.ceil_char_boundary(line.len().min(part.end + AROUND));
    let to = line.floor_char_boundary(end.min(from + LONGEST));
    let before = if from > 0 { "…" } else { "" };
    let after = if to < line.len() { "…" } else { "" };
    format!("{before}{}{after}", &line[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_changes_are_one_place_and_characters_stay_whole() {
        let filler = "ä{ö:ü}".repeat(100);
        let old = format!("{filler}one;two;{filler}three;{filler}");
        let new = format!("{filler}1;two;{filler}3;{filler}");
        let places = places(&old, &new);
        assert_eq!(places.len(), 2, "{places:?}");
        assert!(places[0].0.contains("one;two;") && places[0].1.contains("1;two;"));
        assert!(places[1].0.contains("three;") && places[1].1.contains("3;"));
    }

    #[test]
    fn a_place_is_bounded() {
        let places = places(&"a".repeat(100_000), &"b".repeat(100_000));
        assert_eq!(places.len(), 1);
        assert!(places[0].0.len() < LONGEST + 10, "{}", places[0].0.len());
    }
}
