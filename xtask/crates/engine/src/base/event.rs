//! What the stages report while they work. They report it as values, and the command line displays them, so that no
//! stage knows whether there is a terminal.

use std::ops::AddAssign;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stage begins: the total amount, as far as it is known, and the subject, such as a command line.
    Began(Stage, Amount, String),
    /// A stage has done this much more.
    Advanced(Stage, Amount),
    /// A stage has ended, whether or not it succeeded: the total that it did, as far as that is known.
    Ended(Stage, Amount),
    /// A line that the generator printed.
    Said(String),
    /// Variables that the generator does not get, by name.
    Withheld(Vec<String>),
    /// Something that the user may want to know. It requires no action.
    Note(String),
    /// Something that the user should know, but that stops nothing.
    Warning(String),
}

/// A part of a run that may take long. Some go on at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The generator runs. The subject is its command line, and it advances as time passes.
    Build,
    /// The bucket is listed.
    List,
    /// Files are read for their digests.
    Hash,
    /// Objects are requested one by one, for their headers or their versions.
    Check,
    /// Another deploy holds the lock. The subject is the name of that deploy, and the stage advances as time passes.
    Wait,
    /// Files are written.
    Upload,
    /// Objects are deleted.
    Delete,
}

/// How much of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files or objects.
    pub items: u64,
    pub bytes: u64,
}

impl Amount {
    /// A number of files or objects.
    pub(crate) fn items(items: u64) -> Amount {
        Amount { items, bytes: 0 }
    }

    pub(crate) fn bytes(bytes: u64) -> Amount {
        Amount { items: 0, bytes }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Amount) {
        self.items += more.items;
        self.bytes += more.bytes;
    }
}

/// Where events go. Cheap to clone, so that tasks can take it along.
#[derive(Clone)]
pub struct Tell(Arc<dyn Fn(Event) + Send + Sync>);

impl Tell {
    pub fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Tell {
        Tell(Arc::new(listener))
    }

    /// Events go nowhere.
    pub fn silent() -> Tell {
        Tell::new(|_| ())
    }

    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }

    pub(crate) fn began(&self, stage: Stage, total: Amount) {
        self.tell(Event::Began(stage, total, String::new()));
    }

    pub(crate) fn advanced(&self, stage: Stage, by: Amount) {
        self.tell(Event::Advanced(stage, by));
    }

    pub(crate) fn ended(&self, stage: Stage, done: Amount) {
        self.tell(Event::Ended(stage, done));
    }
}
