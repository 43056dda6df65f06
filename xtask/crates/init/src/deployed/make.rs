//! A Makefile, whose targets are the names of places:
//! <https://www.gnu.org/software/make/manual/html_node/index.html>
//!
//! Its variables are put into the recipes before these are read as commands, as `make` does it.

use std::collections::{BTreeMap, BTreeSet};

use super::script::{Job, Script, Value};
use super::words::Source;

const DEEPEST: usize = 10;
const LONGEST: usize = 1 << 16;
const MOST_EXPORTED: usize = 100;
/// The most targets that are read, and that one of them needs.
const MOST_TARGETS: usize = 1000;

#[derive(Default)]
pub struct Makefile {
    variables: BTreeMap<String, String>,
    /// What the commands get as their environment.
    exported: BTreeSet<String>,
    targets: Vec<Target>,
}

#[derive(Default)]
struct Target {
    name: String,
    needs: Vec<String>,
    /// Its own variables, which hold for what it needs too.
    variables: BTreeMap<String, String>,
    recipe: Vec<(usize, String)>,
}

/// The places that its targets send files to.
pub fn read(script: &mut Script<'_>, text: &str) {
    let makefile = parse(text);
    let mut is_covered = BTreeSet::new();
    for target in makefile.targets.iter().filter(|target| !target.variables.is_empty()) {
        let needed = makefile.needed(target);
        is_covered.extend(needed.iter().map(|needed| needed.name.as_str()));
        script.job = Job { name: Some(target.name.clone()), ..Job::default() };
        for needed in needed.into_iter().chain([target]) {
            makefile.run(script, needed, &target.variables);
        }
    }
    for target in makefile.targets.iter().filter(|target| target.variables.is_empty()) {
        if !is_covered.contains(target.name.as_str()) {
            script.job = Job { name: Some(target.name.clone()), ..Job::default() };
            makefile.run(script, target, &BTreeMap::new());
        }
    }
}

/// The targets of a command line, as a CI file calls `make`.
pub fn call(script: &mut Script<'_>, text: &str, names: &[&str], set: &[(&str, &str)]) {
    let makefile = parse(text);
    let set: BTreeMap<String, String> =
        set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let targets = &makefile.targets;
    let first = targets.iter().find(|target| !target.name.starts_with('.'));
    let named = targets.iter().filter(|target| names.contains(&target.name.as_str()));
    let chosen: Vec<&Target> =
        if names.is_empty() { first.into_iter().collect() } else { named.collect() };
    for target in chosen {
        for needed in makefile.needed(target).into_iter().chain([target]) {
            let variables = target.variables.clone().into_iter().chain(set.clone()).collect();
            makefile.run(script, needed, &variables);
        }
    }
}

impl Makefile {
    /// The targets that are made before it, each once.
    fn needed<'a>(&'a self, target: &'a Target) -> Vec<&'a Target> {
        let mut needed = Vec::new();
        let mut seen = BTreeSet::from([target.name.as_str()]);
        self.add_needed(target, &mut seen, &mut needed, 0);
        needed
    }

    fn add_needed<'a>(
        &'a self,
        target: &'a Target,
        seen: &mut BTreeSet<&'a str>,
        needed: &mut Vec<&'a Target>,
        depth: usize,
    ) {
        for name in target.needs.iter().filter(|_| depth < DEEPEST) {
            let other = self.targets.iter().find(|other| other.name == *name);
            if let Some(other) = other.filter(|_| seen.insert(name)) {
                self.add_needed(other, seen, needed, depth + 1);
                needed.push(other);
            }
        }
    }

    /// Each line has a shell of its own.
    fn run(&self, script: &mut Script<'_>, target: &Target, variables: &BTreeMap<String, String>) {
        for name in self.exported.iter().take(MOST_EXPORTED) {
            let value = self.expanded(&format!("$({name})"), &[variables], &target.name, 0);
            if !value.contains('$') {
                script.job.variables.insert(name.clone(), Value::Text(value));
            }
        }
        for (line, recipe) in &target.recipe {
            let own = [&target.variables, variables];
            let text = self.expanded(recipe, &own, &target.name, 0);
            let text = text.trim_start_matches(['@', '-', '+', ' ']);
            script.run_alone(Source { text, line: *line, is_literal: false });
        }
    }

    /// A text with the values of variables. One without a value is left for the shell's reader to name.
    fn expanded(
        &self,
        text: &str,
        own: &[&BTreeMap<String, String>],
        target: &str,
        depth: usize,
    ) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (name, length) = reference(after);
            let value = name.and_then(|name| {
                let found = own.iter().rev().find_map(|variables| variables.get(name));
                found.or_else(|| self.variables.get(name))
            });
            match (name, value) {
                _ if after.starts_with('$') => expanded.push('$'),
                (Some("@"), _) => expanded.push_str(target),
                (Some("CURDIR" | "PWD"), _) => expanded.push('.'),
                (_, Some(value)) if depth < DEEPEST && expanded.len() < LONGEST => {
                    expanded.push_str(&self.expanded(value, own, target, depth + 1));
                }
                (Some(name), _) => expanded.push_str(&format!("${{{name}}}")),
                (None, _) => expanded.push_str(&format!("${}", &after[..length])),
            }
            rest = &after[length..];
            if expanded.len() > LONGEST {
                return expanded;
            }
        }
        expanded + rest
    }
}

/// After a dollar: the name of a variable, and how long the reference is.
fn reference(after: &str) -> (Option<&str>, usize) {
    let Some(first) = after.chars().next() else { return (None, 0) };
    let close = match first {
        '(' => ')',
        '{' => '}',
        '$' => return (None, 1),
        c if c.is_ascii_alphanumeric() || c == '@' => return (Some(&after[..1]), 1),
        _ => return (None, 0),
    };
    let Some(end) = after.find(close) else { return (None, 0) };
    let name = &after[1..end];
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    // A function, such as `$(shell …)`, ends at its own parenthesis.
    if is_name { (Some(name), end + 1) } else { (None, 0) }
}

fn parse(text: &str) -> Makefile {
    let mut makefile = Makefile::default();
    let mut is_recipe = false;
    // Inside of `ifeq` it is not known which value holds.
    let mut conditions = 0;
    for (line, text) in logical_lines(text) {
        if let Some(recipe) = text.strip_prefix('\t').filter(|_| is_recipe) {
            if let Some(target) = makefile.targets.last_mut() {
                target.recipe.push((line, recipe.to_owned()));
            }
            continue;
        }
        let text = text.split('#').next().unwrap_or_default().trim();
        let first = text.split([' ', '\t']).next().unwrap_or_default();
        match first {
            "" => continue,
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => conditions += 1,
            "endif" => conditions -= conditions.min(1),
            _ => {
                let exported = text.strip_prefix("export ").map(str::trim);
                let names = exported.and_then(|text| text.split(['=', ':', '?', ' ']).next());
                makefile.exported.extend(names.map(str::to_owned));
                let text = exported.unwrap_or(text);
                is_recipe = definition(&mut makefile, text, conditions > 0)
                    || (is_recipe && first == "else");
            }
        }
    }
    makefile
}

/// A variable, or the first line of a rule. Whether it was a rule.
fn definition(makefile: &mut Makefile, text: &str, is_conditional: bool) -> bool {
    let equals = text.find('=');
    let colon = text.find(':').filter(|colon| {
        equals.is_none_or(|equals| colon + 1 < equals && !text[*colon..].starts_with("::="))
    });
    let Some(colon) = colon else {
        assign(&mut makefile.variables, text, is_conditional);
        return false;
    };
    let (names, rest) = (&text[..colon], text[colon + 1..].trim_start_matches(':').trim());
    let (rest, inline) = rest.split_once(';').unwrap_or((rest, ""));
    for name in names.split_whitespace() {
        if makefile.targets.len() > MOST_TARGETS {
            break;
        }
        let at = makefile.targets.iter().position(|target| target.name == name);
        let mut target = at.map_or_else(Target::default, |at| makefile.targets.remove(at));
        target.name = name.to_owned();
        if rest.contains('=') {
            assign(&mut target.variables, rest, is_conditional);
        } else {
            let needs = rest.split_whitespace().map(str::to_owned);
            let room = MOST_TARGETS.saturating_sub(target.needs.len());
            target.needs.extend(needs.take(room));
        }
        if !inline.trim().is_empty() {
            target.recipe.push((1, inline.trim().to_owned()));
        }
        // Recipe lines belong to the last one.
        makefile.targets.push(target);
    }
    true
}

fn assign(variables: &mut BTreeMap<String, String>, text: &str, is_conditional: bool) {
    let Some((name, value)) = text.split_once('=') else { return };
    let operator = name.trim_start_matches(|c: char| !"?:+!".contains(c));
    let name = name.trim_end_matches(['?', ':', '+', '!', ' ', '\t']).trim();
    let value = value.trim().to_owned();
    if is_conditional {
        variables.remove(name);
    } else if operator.starts_with('+') {
        let known = variables.entry(name.to_owned()).or_default();
        if known.len() < LONGEST {
            *known = format!("{known} {value}").trim().to_owned();
        }
    } else if operator.starts_with('!') {
        variables.remove(name);
    } else if !(operator.starts_with('?') && variables.contains_key(name)) {
        variables.insert(name.to_owned(), value);
    }
}

/// The lines with their numbers; one that ends with a backslash goes on.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.lines().enumerate() {
        let (line, ends_open) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some((_, text)) if goes_on => *text = format!("{text} {}", line.trim_start()),
            _ => lines.push((at + 1, line.to_owned())),
        }
        goes_on = ends_open;
    }
    lines
}
