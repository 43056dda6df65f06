//! What the stages tell while they work. They tell it as values, and one file draws them, so that no
//! stage knows whether there is a terminal.

use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The generator was started; its command line.
    Building(String),
    /// Variables that the generator does not get, by name.
    Withheld(Vec<String>),
    /// It still runs.
    BuildingFor {
        seconds: u64,
    },
    /// A line that the generator printed.
    Said(String),
    /// The generator has ended, well or not.
    Built,
    /// Objects seen in the bucket so far.
    Listing {
        objects: u64,
    },
    Listed {
        objects: u64,
    },
    /// Files found and, of their bytes, how many are still to be hashed.
    Hashing {
        files: u64,
        bytes: u64,
    },
    Hashed {
        bytes: u64,
    },
    /// A file, by its key, holds other bytes than when the site was scanned or deployed last.
    Differs(String),
    Scanned,
    /// Objects that the bucket is asked about one by one: for their headers or versions.
    Asking {
        objects: u64,
    },
    Asked,
    /// Somebody else holds the lock.
    Waiting {
        who: String,
        seconds: u64,
    },
    /// The lock was given.
    Waited,
    /// What is about to be written.
    Writing {
        uploads: u64,
        bytes: u64,
        deletes: u64,
    },
    Sent {
        bytes: u64,
    },
    Uploaded,
    Deleted {
        objects: u64,
    },
    Written,
    /// Something that the user may want to know and need not act on.
    Note(String),
    /// Something that the user should know and that stops nothing.
    Warning(String),
}

/// Where events go. Cheap to clone, so that tasks can take it along.
#[derive(Clone)]
pub struct Tell(Arc<dyn Fn(Event) + Send + Sync>);

impl Tell {
    pub fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Tell {
        Tell(Arc::new(listener))
    }

    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}
