//! Who deploys, in words that help a person who finds the lock held: the address of the CI job, or the user and the
//! machine.

use crate::repository::ci;

/// `var` returns variables that are set and not empty.
pub fn who(var: &dyn Fn(&str) -> Option<String>) -> String {
    // Shells know the name of the machine but rarely export it. Linux has it in this file.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
    who_on(machine.ok().map(|name| name.trim().to_owned()), var)
}

pub(super) fn who_on(machine: Option<String>, var: &dyn Fn(&str) -> Option<String>) -> String {
    ci::job(var).unwrap_or_else(|| person(machine, var))
}

fn person(machine: Option<String>, var: &dyn Fn(&str) -> Option<String>) -> String {
    let first = |names: &[&str]| names.iter().find_map(|name| var(name));
    let user = first(&["USER", "LOGNAME", "USERNAME"]);
    let host = first(&["HOSTNAME", "COMPUTERNAME"]).or(machine);
    match (user, host) {
        (Some(user), Some(host)) => format!("{user}@{host}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "somebody".to_owned(),
    }
}
