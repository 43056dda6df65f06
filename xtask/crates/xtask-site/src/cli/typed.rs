//! What the user typed, and how a hint is spelled with it. Each command in a hint repeats the options that say which
//! place it is about.

use std::path::Path;

use engine::base::Hint;
use engine::base::hint::{Argument, Command, Part, Subcommand};
use engine::base::humanize::quoted;

/// The command line, without the options that only say how the work is done.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'c> {
    pub subcommand: Subcommand,
    pub env: Option<&'c str>,
    pub site: Option<&'c Path>,
    pub local: bool,
    /// The deploy to go back to.
    pub to: Option<&'c str>,
}

impl<'c> Typed<'c> {
    /// A subcommand without options.
    pub const fn only(subcommand: Subcommand) -> Typed<'c> {
        Typed { subcommand, env: None, site: None, local: false, to: None }
    }

    /// The text of a hint. An option that the hint itself sets is not repeated.
    pub fn spell(&self, hint: &Hint) -> String {
        hint.0.iter().map(|part| self.part(part)).collect()
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Text(text) => text.clone(),
            Part::Command(command) => self.command(command),
            Part::NothingDeployed => match self.subcommand {
                Subcommand::Preview => String::new(),
                _ => "; nothing was deployed".to_owned(),
            },
        }
    }

    pub fn command(&self, command: &Command) -> String {
        let Command { subcommand, arguments } = command;
        let environment = arguments.iter().rev().find_map(|argument| match argument {
            Argument::Environment(name) => Some(name.as_str()),
            _ => None,
        });
        let to = self.to.filter(|_| subcommand.is_none());
        let subcommand = subcommand.unwrap_or(self.subcommand);
        // A preview is always on this machine.
        let local = self.local && subcommand != Subcommand::Preview;
        let options = [
            environment.or(self.env).map(|name| format!(" --env {}", quoted(name))),
            self.site.map(|site| format!(" --site {}", quoted(&site.display().to_string()))),
            local.then(|| " --local".to_owned()),
            to.map(|to| format!(" --to {}", quoted(to))),
        ];
        let options = options.into_iter().chain(arguments.iter().map(option)).flatten();
        format!("cargo xtask {}{}", name(subcommand), options.collect::<String>())
    }
}

fn name(subcommand: Subcommand) -> &'static str {
    match subcommand {
        Subcommand::Deploy => "deploy",
        Subcommand::Preview => "preview",
        Subcommand::Status => "status",
        Subcommand::Rollback => "rollback",
        Subcommand::Init => "init",
    }
}

/// An option as it is typed; `None` for the environment, which stands first.
fn option(argument: &Argument) -> Option<String> {
    match argument {
        Argument::Environment(_) => None,
        Argument::To(deploy) => Some(format!(" --to {}", quoted(deploy))),
        Argument::MaxDeletes(most) => Some(format!(" --max-deletes {most}")),
        Argument::Wait => Some(" --wait".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Subcommand::{Deploy, Preview, Rollback, Status};

    #[test]
    fn a_command_in_a_hint_names_the_place_that_was_typed() {
        let typed = Typed {
            env: Some("staging"),
            site: Some(Path::new("my docs")),
            local: true,
            ..Typed::only(Deploy)
        };
        let of = |subcommand| Hint::from(Command::of(subcommand));
        for (hint, alone, expected) in [
            (
                Command::of(Deploy).with(Argument::Wait).into(),
                "cargo xtask deploy --wait",
                "cargo xtask deploy --env staging --site 'my docs' --local --wait",
            ),
            (
                Hint::from("look first: ").then(Command::of(Status).in_environment("production")),
                "look first: cargo xtask status --env production",
                "look first: cargo xtask status --env production --site 'my docs' --local",
            ),
            (
                of(Preview),
                "cargo xtask preview",
                "cargo xtask preview --env staging --site 'my docs'",
            ),
            (
                of(Deploy).then(", then ").then(of(Status)),
                "cargo xtask deploy, then cargo xtask status",
                "cargo xtask deploy --env staging --site 'my docs' --local, then cargo xtask status --env staging --site 'my docs' --local",
            ),
            (
                Command::again().with(Argument::MaxDeletes(3)).into(),
                "cargo xtask deploy --max-deletes 3",
                "cargo xtask deploy --env staging --site 'my docs' --local --max-deletes 3",
            ),
            ("build the site first".into(), "build the site first", "build the site first"),
            (
                Hint::from("build it").then(Part::NothingDeployed),
                "build it; nothing was deployed",
                "build it; nothing was deployed",
            ),
        ] {
            assert_eq!(typed.spell(&hint), expected);
            assert_eq!(Typed::only(Deploy).spell(&hint), alone);
        }
    }

    #[test]
    fn the_command_that_was_typed_keeps_what_it_was_asked_for() {
        let typed =
            Typed { site: Some(Path::new("docs")), to: Some("abc"), ..Typed::only(Rollback) };
        let again = Command::again().with(Argument::Wait);
        assert_eq!(typed.command(&again), "cargo xtask rollback --site docs --to abc --wait");
        let other = Command::of(Rollback).with(Argument::To("x y".into()));
        assert_eq!(typed.command(&other), "cargo xtask rollback --site docs --to 'x y'");
        assert_eq!(typed.command(&Command::of(Status)), "cargo xtask status --site docs");
    }

    #[test]
    fn a_preview_does_not_say_that_nothing_was_deployed() {
        let hint = Hint::from("build it").then(Part::NothingDeployed);
        assert_eq!(Typed::only(Preview).spell(&hint), "build it");
    }
}
