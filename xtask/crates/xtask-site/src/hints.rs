//! The commands in hints, with the options that the user typed. A stage does not know these options, and a hint that
//! drops `--site` or `--env` is a command for another place.

use std::path::Path;

use engine::base::humanize::quoted;

/// The options of the command line that say which place it is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'c> {
    pub env: Option<&'c str>,
    pub site: Option<&'c Path>,
    pub local: bool,
}

const COMMAND: &str = "cargo xtask ";

impl Typed<'_> {
    /// A hint in which each command names the same place. An option that the hint itself sets is left as it is.
    pub fn repeated_in(&self, hint: &str) -> String {
        let mut parts = hint.split(COMMAND);
        let mut repeated = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len());
            let (subcommand, rest) = part.split_at(end);
            repeated += COMMAND;
            repeated += subcommand;
            repeated += &self.missing_in(subcommand, rest);
            repeated += rest;
        }
        repeated
    }

    fn missing_in(&self, subcommand: &str, rest: &str) -> String {
        let mut options = String::new();
        if !["deploy", "preview", "rollback", "status"].contains(&subcommand) {
            return options;
        }
        if let Some(env) = self.env.filter(|_| !rest.contains("--env")) {
            options += &format!(" --env {}", quoted(env));
        }
        if let Some(site) = self.site.filter(|_| !rest.contains("--site")) {
            options += &format!(" --site {}", quoted(&site.display().to_string()));
        }
        // A preview is always on this machine.
        if self.local && subcommand != "preview" && !rest.contains("--local") {
            options += " --local";
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_a_hint_names_the_place_that_was_typed() {
        let typed = Typed { env: Some("staging"), site: Some(Path::new("my docs")), local: true };
        for (hint, expected) in [
            (
                "cargo xtask deploy --wait",
                "cargo xtask deploy --env staging --site 'my docs' --local --wait",
            ),
            (
                "look first: cargo xtask status --env production",
                "look first: cargo xtask status --site 'my docs' --local --env production",
            ),
            ("cargo xtask preview", "cargo xtask preview --env staging --site 'my docs'"),
            (
                "cargo xtask deploy --site a --local, then cargo xtask status",
                "cargo xtask deploy --env staging --site a --local, then cargo xtask status --env staging --site 'my docs' --local",
            ),
            ("cargo xtask init", "cargo xtask init"),
            ("build the site first", "build the site first"),
        ] {
            assert_eq!(typed.repeated_in(hint), expected);
            assert_eq!(Typed::default().repeated_in(hint), hint);
        }
    }
}
