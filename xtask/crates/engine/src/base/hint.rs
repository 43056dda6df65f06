//! What the user can do next, in words and in commands of this tool. A command is a value: only the command line knows
//! how it is typed and what the user typed, and a hint that drops `--site` or `--env` is a command for another place.

/// The parts of a hint, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint(pub Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Command(Command),
    /// The end of a hint: nothing was deployed. A preview leaves it out, because its user did not expect a deploy.
    NothingDeployed,
}

/// A command of this tool for the place that the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `None` for the command that the user typed.
    pub subcommand: Option<Subcommand>,
    pub arguments: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    Deploy,
    Preview,
    Status,
    Rollback,
    Init,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The environment, by its name. It replaces the one that the user named.
    Environment(String),
    /// The deploy to go back to, by its name or commit.
    To(String),
    /// How many objects may be deleted.
    MaxDeletes(u64),
    /// Wait until the lock is free.
    Wait,
}

impl Hint {
    /// The same hint, followed by `next`.
    pub fn then(mut self, next: impl Into<Hint>) -> Hint {
        self.0.extend(next.into().0);
        self
    }
}

impl Command {
    pub fn of(subcommand: Subcommand) -> Command {
        Command { subcommand: Some(subcommand), arguments: Vec::new() }
    }

    /// The command that the user typed.
    pub fn again() -> Command {
        Command { subcommand: None, arguments: Vec::new() }
    }

    pub fn with(mut self, argument: Argument) -> Command {
        self.arguments.push(argument);
        self
    }

    pub fn in_environment(self, name: impl Into<String>) -> Command {
        self.with(Argument::Environment(name.into()))
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Hint {
        text.to_owned().into()
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Hint {
        Part::Text(text).into()
    }
}

impl From<Command> for Hint {
    fn from(command: Command) -> Hint {
        Part::Command(command).into()
    }
}

impl From<Part> for Hint {
    fn from(part: Part) -> Hint {
        Hint(vec![part])
    }
}

/// For the tests of the stages, which do not know the command line either.
#[cfg(test)]
impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Command(Command { subcommand: Some(subcommand), arguments }) => {
                write!(f, "{subcommand:?} {arguments:?}")
            }
            Part::Command(Command { subcommand: None, arguments }) => {
                write!(f, "Again {arguments:?}")
            }
            Part::NothingDeployed => f.write_str("NothingDeployed"),
        })
    }
}
