//! What a step of a job sets for later steps, if it runs only under a condition: keys, a region, variables. Two steps
//! with different conditions may set the same, so each command has only what is set where it runs.

use std::collections::{BTreeMap, BTreeSet};

use super::super::branches;
use super::{ACCESS_KEY_ID, Profile, Role, SECRET_ACCESS_KEY, Script, Value};

const REGION: &str = "AWS_REGION";
/// What a command needs to sign: without it, the command fails, so the only step that sets it must have run.
const USUAL: &[&str] = &[ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION];

/// What one step sets.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub condition: Condition,
    /// None removes a variable.
    pub variables: BTreeMap<String, Option<Value>>,
    pub role: Option<Role>,
    pub profiles: BTreeMap<String, Profile>,
    /// The file and the line.
    pub place: String,
}

/// The `if` of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Empty if the step has none.
    text: String,
    /// The branches that it names. None if they cannot be written as globs.
    branches: Option<Vec<String>>,
}

/// The setups of the steps before, and what is not decided for the current one.
#[derive(Clone, Debug, Default)]
pub struct Setups {
    pub list: Vec<Setup>,
    /// Of the current step.
    pub condition: Condition,
    /// Variables that have a value here only under a condition. True if they had one before.
    open: BTreeMap<String, bool>,
    /// The same for the role.
    open_role: Option<bool>,
    open_profiles: BTreeSet<String>,
}

/// Whether a setup holds where a command stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Maybe,
}

impl Setup {
    fn sets_keys(&self) -> bool {
        self.role.is_some()
            || self.variables.contains_key(ACCESS_KEY_ID)
            || self.profiles.contains_key("default")
    }
}

impl Condition {
    pub fn new(text: &str, default_branch: Option<&str>) -> Self {
        let branches = branches::of_condition(text, default_branch);
        let text = text.trim();
        let inside = text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}"));
        let text: String = inside.unwrap_or(text).split_whitespace().collect();
        let is_plain = matches!(text.as_str(), "always()" | "success()" | "true");
        Condition { text: if is_plain { String::new() } else { text }, branches }
    }

    pub fn is_always(&self) -> bool {
        self.text.is_empty()
    }

    /// Comparisons that must all be true: what is compared, whether it must be equal, and the value. And whether these
    /// are the whole condition.
    fn comparisons(&self) -> (Vec<(&str, bool, &str)>, bool) {
        if self.is_always() {
            return (Vec::new(), true);
        }
        if self.text.contains("||") || self.text.contains("!(") {
            return (Vec::new(), false);
        }
        let parts = self.text.split("&&").map(comparison).collect::<Vec<_>>();
        let is_whole = parts.iter().all(Option::is_some);
        (parts.into_iter().flatten().collect(), is_whole)
    }

    /// Whether it holds for a command under this condition, and for these branches.
    fn holds(&self, here: &Condition, branches: Option<&[String]>) -> Holds {
        if self.is_always() || self == here {
            return Holds::Yes;
        }
        let ((own, is_whole), (known, _)) = (self.comparisons(), here.comparisons());
        let excludes = |(name, is_equal, value): &(&str, bool, &str)| {
            known.iter().any(|known| {
                let is_other = match (*is_equal, known.1) {
                    (true, true) => known.2 != *value,
                    (false, false) => false,
                    _ => known.2 == *value,
                };
                known.0 == *name && is_other
            })
        };
        let is_implied = |(name, is_equal, value): &(&str, bool, &str)| {
            known.iter().any(|known| {
                let is_same = (known.1, known.2) == (*is_equal, *value);
                known.0 == *name && (is_same || (!is_equal && known.1 && known.2 != *value))
            })
        };
        if own.iter().any(excludes) {
            return Holds::No;
        }
        if is_whole && own.iter().all(is_implied) {
            return Holds::Yes;
        }
        self.holds_for(branches)
    }

    fn holds_for(&self, branches: Option<&[String]>) -> Holds {
        let own = self.branches.as_deref().filter(|own| !own.is_empty());
        let (Some(own), Some(others)) = (own, branches.filter(|others| !others.is_empty())) else {
            return Holds::Maybe;
        };
        let coincide = |other: &String| own.iter().any(|own| branches::may_be_same(own, other));
        if !others.iter().any(coincide) {
            return Holds::No;
        }
        // Another part of the condition may be false.
        let is_only_branches = !self.text.contains("&&");
        match is_only_branches && others.iter().all(|other| own.contains(other)) {
            true => Holds::Yes,
            false => Holds::Maybe,
        }
    }
}

/// `a == 'x'` or `a != 'x'`. The branch has one name.
fn comparison(text: &str) -> Option<(&str, bool, &str)> {
    let split = |operator: &str| text.split_once(operator);
    let (left, right, is_equal) = match (split("!="), split("==")) {
        (Some((left, right)), _) => (left, right, false),
        (None, Some((left, right))) => (left, right, true),
        (None, None) => return None,
    };
    let (name, value) = if left.starts_with('\'') { (right, left) } else { (left, right) };
    let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
    if name.contains(['(', '|', '\'']) || value.contains('\'') {
        return None;
    }
    match name {
        "github.ref" => {
            Some(("github.ref_name", is_equal, value.strip_prefix("refs/heads/").unwrap_or(value)))
        }
        _ => Some((name, is_equal, value)),
    }
}

impl Script<'_> {
    /// What a step sets, for all later ones if it has no condition.
    pub fn add_setup(&mut self, setup: Setup) {
        if !setup.condition.is_always() {
            if self.job.setups.list.len() < super::MOST {
                self.job.setups.list.push(setup);
            }
            return;
        }
        // It replaces what earlier steps set under conditions.
        for earlier in &mut self.job.setups.list {
            earlier.variables.retain(|name, _| !setup.variables.contains_key(name));
            earlier.profiles.retain(|name, _| !setup.profiles.contains_key(name));
            if setup.role.is_some() {
                earlier.role = None;
            }
        }
        self.job.setups.list.retain(|setup| {
            !setup.variables.is_empty() || setup.role.is_some() || !setup.profiles.is_empty()
        });
        self.job.profiles.extend(setup.profiles);
        for (name, value) in setup.variables {
            self.set_value(&name, value);
        }
        if let Some(role) = setup.role {
            self.job.role = role;
        }
    }

    /// Before a step: what earlier steps set for it. What is not sure has no value.
    pub fn begin_step(&mut self) {
        let setups = self.job.setups.list.clone();
        let holds = self.holds(&setups);
        self.job.setups.open.clear();
        self.job.setups.open_role = None;
        self.begin_profiles(&setups, &holds);
        let set = setups.iter().flat_map(|setup| setup.variables.keys());
        for name in set.collect::<BTreeSet<_>>() {
            let values = setups.iter().map(|setup| setup.variables.get(name));
            match last(values.zip(&holds)) {
                Some(Ok(value)) => self.set_value(name, value.clone()),
                Some(Err(())) => {
                    let had_value = self.job.variables.contains_key(name);
                    self.job.setups.open.insert(name.clone(), had_value);
                    self.set_value(name, Some(unknown(name)));
                }
                None => {}
            }
        }
        match last(setups.iter().map(|setup| setup.role.as_ref()).zip(&holds)) {
            Some(Ok(role)) => self.job.role = role.clone(),
            Some(Err(())) => {
                self.job.setups.open_role = Some(self.job.role != Role::No);
                self.job.role = Role::Unknown;
            }
            None => {}
        }
    }

    fn begin_profiles(&mut self, setups: &[Setup], holds: &[Holds]) {
        self.job.setups.open_profiles.clear();
        let set = setups.iter().flat_map(|setup| setup.profiles.keys());
        for name in set.collect::<BTreeSet<_>>() {
            let profiles = setups.iter().map(|setup| setup.profiles.get(name));
            let profile = match last(profiles.zip(holds)) {
                Some(Ok(profile)) => profile.clone(),
                Some(Err(())) => {
                    self.job.setups.open_profiles.insert(name.clone());
                    Profile { access_key_id: Some(unknown(name)), ..Profile::default() }
                }
                None => continue,
            };
            self.job.profiles.insert(name.clone(), profile);
        }
    }

    /// Before a command that sends files: the keys and the region that are set for its branches. Returns where the
    /// steps are that set them, if it is not clear which of these hold.
    pub fn settle(&mut self, profile: Option<&str>) -> Vec<String> {
        let setups = self.job.setups.list.clone();
        let holds = self.holds(&setups);
        let mut unclear = BTreeSet::new();
        let mut lines = |sets: &dyn Fn(&Setup) -> bool| {
            let setting = setups.iter().filter(|setup| sets(setup));
            unclear.extend(setting.map(|setup| setup.place.clone()));
        };
        for name in USUAL {
            let Some(had_value) = self.job.setups.open.get(*name).copied() else { continue };
            // The step or the command has set it since.
            if self.job.variables.get(*name) != Some(&unknown(name)) {
                continue;
            }
            let values = setups.iter().map(|setup| setup.variables.get(*name));
            match only(values.zip(&holds), had_value) {
                Some(value) => self.set_value(name, value.cloned().flatten()),
                None => lines(&|setup| setup.variables.contains_key(*name)),
            }
        }
        let had_role = self.job.setups.open_role.filter(|_| self.job.role == Role::Unknown);
        if let Some(had_role) = had_role {
            match only(setups.iter().map(|setup| setup.role.as_ref()).zip(&holds), had_role) {
                Some(role) => self.job.role = role.cloned().unwrap_or_default(),
                None => lines(&|setup| setup.role.is_some()),
            }
        }
        let default = profile.unwrap_or("default");
        if self.job.setups.open_profiles.contains(default) {
            lines(&|setup| setup.profiles.contains_key(default));
        }
        let has_profile = profile.or_else(|| self.variable("AWS_PROFILE")).is_some();
        let has_keys = has_profile
            || self.job.variables.contains_key(ACCESS_KEY_ID)
            || self.job.profiles.contains_key("default");
        if !has_keys && self.job.role == Role::No {
            // Those of other branches, perhaps.
            lines(&Setup::sets_keys);
        }
        unclear.into_iter().collect()
    }

    /// Whether steps set keys under conditions: then the usual ones may be those of other branches.
    pub fn has_conditional_keys(&self) -> bool {
        self.job.setups.list.iter().any(Setup::sets_keys)
    }

    fn holds(&self, setups: &[Setup]) -> Vec<Holds> {
        let (branches, _, is_clear) = self.condition();
        let branches = is_clear.then_some(branches.as_slice());
        let here = &self.job.setups.condition;
        setups.iter().map(|setup| setup.condition.holds(here, branches)).collect()
    }

    fn set_value(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => _ = self.job.variables.insert(name.to_owned(), value),
            None => _ = self.job.variables.remove(name),
        }
    }
}

fn unknown(name: &str) -> Value {
    Value::Outside { name: String::new(), written: format!("${name}") }
}

/// The value that holds for sure. None if no step sets one, an error if it is not sure.
fn last<'a, T: 'a>(
    values: impl Iterator<Item = (Option<&'a T>, &'a Holds)>,
) -> Option<Result<&'a T, ()>> {
    let mut found = None;
    for (value, holds) in values {
        match (value, holds) {
            (Some(value), Holds::Yes) => found = Some(Ok(value)),
            (Some(_), Holds::Maybe) => found = Some(Err(())),
            _ => {}
        }
    }
    found
}

/// The only value that can hold. None if there are several; `Some(None)` if nothing sets it here.
fn only<'a, T: PartialEq + 'a>(
    values: impl Iterator<Item = (Option<&'a T>, &'a Holds)>,
    had_value: bool,
) -> Option<Option<&'a T>> {
    let mut found: Vec<&T> = Vec::new();
    let mut is_earlier_possible = had_value;
    for (value, holds) in values {
        match (value, holds) {
            (Some(value), Holds::Yes) => {
                is_earlier_possible = false;
                found = vec![value];
            }
            (Some(value), Holds::Maybe) if !found.contains(&value) => found.push(value),
            _ => {}
        }
    }
    match found.as_slice() {
        [value] if !is_earlier_possible => Some(Some(*value)),
        [] if !is_earlier_possible => Some(None),
        _ => None,
    }
}
