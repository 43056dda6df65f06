//! Files whose bytes are not what visitors should get: pointers whose content was not fetched, and compression that the
//! headers do not mention. They are collected, so that one run names all of them.

use crate::base::event::{Event, Tell};
use crate::base::headers::{Headers, is_page};
use crate::base::humanize::count;
use crate::base::refusal::Refusal;

use super::look::{Coding, Finding};

/// How many files with the same fault are named; the rest are counted.
const NAMES: usize = 10;

/// The faults of a site, each with the keys of its files.
#[derive(Default)]
pub struct Faults {
    lfs: Vec<String>,
    annex: Vec<String>,
    git_crypt: Vec<String>,
    /// Bytes that are not in the encoding that a rule claims.
    wrong_encoding: Vec<String>,
    /// Gzip that no header mentions, in files without which the site cannot be displayed.
    unreadable: Vec<String>,
    /// Gzip that no header mentions, in other files.
    untold_gzip: Vec<String>,
}

impl Faults {
    /// Adds a finding about a file that is to be deployed.
    pub fn add(&mut self, key: &str, finding: Finding) {
        match finding {
            Finding::LfsPointer => self.lfs.push(key.to_owned()),
            Finding::AnnexPointer => self.annex.push(key.to_owned()),
            Finding::GitCrypt => self.git_crypt.push(key.to_owned()),
            Finding::Secret | Finding::SecretName => {}
        }
    }

    /// Compares how a file is compressed with what its headers say.
    pub fn compare(&mut self, key: &str, coding: Coding, headers: &Headers) {
        match headers.get("content-encoding") {
            Some(encoding) if !fits(coding, encoding) => {
                self.wrong_encoding.push(format!("{key} ({encoding})"));
            }
            None if coding == Coding::Gzip && is_needed(key, headers.content_type()) => {
                self.unreadable.push(key.to_owned());
            }
            None if coding == Coding::Gzip => self.untold_gzip.push(key.to_owned()),
            _ => {}
        }
    }

    /// Warns about faults that browsers may cope with, and refuses the others.
    pub fn tell(mut self, tell: &Tell) -> Result<(), Refusal> {
        if !self.untold_gzip.is_empty() {
            tell.tell(Event::Warning(format!(
                "these files are compressed by gzip, but no rule says so, so browsers show garbage: {}; add to deploy.toml a [[headers]] rule that matches them, with content-encoding = \"gzip\"",
                names(&mut self.untold_gzip)
            )));
        }
        match self.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    fn refusal(&mut self) -> Option<Refusal> {
        let faults: [(&mut Vec<String>, &'static str, &str, &str); 5] = [
            (
                &mut self.lfs,
                "lfs-pointer",
                "Git LFS did not fetch",
                "git lfs pull; in CI let the checkout do it, on GitHub with `lfs: true`. Then build again. To publish a pointer as it is, name it in `publish` of deploy.toml",
            ),
            (
                &mut self.annex,
                "annex-pointer",
                "git-annex did not fetch",
                "git annex get . and build again. To publish a pointer as it is, name it in `publish` of deploy.toml",
            ),
            (
                &mut self.git_crypt,
                "git-crypt",
                "git-crypt has encrypted",
                "git-crypt unlock and build again. To publish it as it is, name it in `publish` of deploy.toml",
            ),
            (
                &mut self.wrong_encoding,
                "wrong-encoding",
                "does not have the `content-encoding` that a rule sets",
                "let the generator compress them, or correct `match` and `content-encoding` of [[headers]] in deploy.toml",
            ),
            (
                &mut self.unreadable,
                "wrong-encoding",
                "is compressed by gzip, but no rule says so, so browsers would show garbage",
                "add to deploy.toml a [[headers]] rule that matches them, with content-encoding = \"gzip\"",
            ),
        ];
        let (keys, code, why, hint) = faults.into_iter().find(|fault| !fault.0.is_empty())?;
        let files = count(keys.len() as u64, "file");
        let message = format!("the site has {files} whose content {why}: {}", names(keys));
        Some(Refusal::new(code, message, hint))
    }
}

/// Whether a browser must understand the file to display the site.
fn is_needed(key: &str, content_type: &str) -> bool {
    let is_asset = ["text/css", "text/javascript"].iter().any(|one| content_type.starts_with(one));
    is_asset || is_page(key, content_type)
}

/// Whether the bytes can be in an encoding. If several encodings are listed, the last one was applied last. Brotli has
/// no signature, but is never text.
fn fits(coding: Coding, encoding: &str) -> bool {
    let last = encoding.rsplit(',').next().unwrap_or_default().trim().to_ascii_lowercase();
    match last.as_str() {
        "gzip" | "x-gzip" => coding == Coding::Gzip,
        "zstd" => coding == Coding::Zstd,
        "deflate" | "br" | "compress" | "x-compress" => {
            matches!(coding, Coding::Zlib | Coding::Other)
        }
        _ => true,
    }
}

fn names(keys: &mut [String]) -> String {
    keys.sort();
    let mut names: Vec<String> = keys.iter().take(NAMES).map(|key| format!("`{key}`")).collect();
    if keys.len() > NAMES {
        names.push(format!("and {} more", keys.len() - NAMES));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_fits_bytes_that_can_be_in_it() {
        for (encoding, coding, expected) in [
            ("gzip", Coding::Gzip, true),
            ("gzip", Coding::Text, false),
            ("gzip", Coding::Other, false),
            ("GZIP", Coding::Gzip, true),
            ("br", Coding::Other, true),
            ("br", Coding::Text, false),
            ("br", Coding::Gzip, false),
            ("br", Coding::Format, false),
            ("deflate", Coding::Format, false),
            ("br, br", Coding::Format, false),
            ("zstd", Coding::Zstd, true),
            ("zstd", Coding::Other, false),
            ("deflate", Coding::Zlib, true),
            ("deflate", Coding::Text, false),
            ("br, gzip", Coding::Gzip, true),
            ("gzip, br", Coding::Gzip, false),
            ("identity", Coding::Text, true),
        ] {
            assert_eq!(fits(coding, encoding), expected, "{encoding} {coding:?}");
        }
    }
}
