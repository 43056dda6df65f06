//! The conditions under which commands run: `if`, `case`, and a test before `&&`. Some of them name branches, others
//! the place that an argument chooses.

use std::collections::BTreeSet;

use super::super::branches;
use super::super::words::{After, Command, Piece, Word};
use super::{Script, Value};

/// An `if`, a `case`, a loop, or a chain that a test begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    kind: Kind,
    /// Of `case`: the word that is compared.
    subject: Option<Word>,
    is_testing: bool,
    /// The branches for which it runs.
    branches: Vec<String>,
    is_about_branches: bool,
    /// It runs for branches that cannot be written as globs.
    is_unclear: bool,
    /// What an argument or a variable is compared with.
    name: Option<String>,
    assigned: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    If,
    Case,
    Chain,
}

impl Script<'_> {
    /// Whether the word was one of the shell's own, before a command.
    pub(super) fn keyword(&mut self, word: &str, rest: &[Word]) -> bool {
        match word {
            "if" | "while" | "until" => {
                self.blocks.push(Block { is_testing: true, ..Block::default() });
            }
            "for" | "select" => self.blocks.push(Block::default()),
            "case" => {
                let subject = rest.first().cloned();
                self.blocks.push(Block {
                    kind: Kind::Case,
                    subject,
                    is_testing: true,
                    ..Block::default()
                });
            }
            "then" | "do" => self.each_testing(false),
            "elif" => {
                self.end_arm();
                self.each_testing(true);
            }
            "else" => {
                self.end_arm();
                if let Some(block) = self.blocks.last_mut() {
                    block.is_unclear = block.is_about_branches;
                }
            }
            "fi" | "done" | "esac" => {
                self.end_arm();
                self.blocks.pop();
            }
            "{" | "}" | "!" | "time" | "exec" | "command" | "nohup" | "sudo" | "-E" | "env" => {}
            _ => return false,
        }
        true
    }

    pub(super) fn each_testing(&mut self, is_testing: bool) {
        if let Some(block) = self.blocks.last_mut() {
            block.is_testing = is_testing;
        }
    }

    /// After a branch of an `if` or `case`, what it set is not known.
    pub(super) fn end_arm(&mut self) {
        let Some(block) = self.blocks.last_mut() else { return };
        let assigned = std::mem::take(&mut block.assigned);
        (block.branches, block.name, block.is_unclear) = (Vec::new(), None, false);
        block.is_testing = block.kind == Kind::Case;
        for name in assigned {
            let written = format!("${name}");
            self.job
                .variables
                .insert(name.clone(), Value::Outside { name: String::new(), written });
            // An outer branch has set it too.
            self.assigned(&name);
        }
    }

    pub(super) fn leave_chain(&mut self) {
        while self.blocks.last().is_some_and(|block| block.kind == Kind::Chain) {
            let block = self.blocks.last_mut().map(std::mem::take).unwrap_or_default();
            self.blocks.pop();
            for name in block.assigned {
                let written = format!("${name}");
                self.job.variables.insert(name, Value::Outside { name: String::new(), written });
            }
        }
    }

    /// Whether the next word is a pattern of a `case`.
    pub(super) fn is_pattern(&self) -> bool {
        self.blocks.last().is_some_and(|block| block.kind == Kind::Case && block.is_testing)
    }

    pub(super) fn case_pattern(&mut self, command: &Command) {
        // `case "$X" in main)` is one command up to the parenthesis.
        let words = command.words.iter().rev().take_while(|word| word.plain() != Some("in"));
        let Some(pattern) = words.last() else { return };
        let is_done = command.after == After::Close;
        let Some(block) = self.blocks.last_mut() else { return };
        block.is_testing = !is_done;
        let (Some(subject), Some(pattern)) = (&block.subject, pattern.plain()) else { return };
        if !branches::is_branch(subject) {
            block.name = (!pattern.contains('*')).then(|| pattern.to_owned());
            return;
        }
        block.is_about_branches = true;
        if let Some(found) = branches::of_case(subject, pattern) {
            block.branches.extend(found);
        } else {
            block.is_unclear = true;
        }
    }

    /// Whether the command is a test, which may say for which branch those after it run.
    pub(super) fn test(&mut self, words: &[Word], after: After) -> bool {
        let plain = |at: usize| words.get(at).and_then(Word::plain).unwrap_or_default();
        if !matches!(plain(0), "[" | "[[" | "test") {
            return false;
        }
        let is_testing = self.blocks.last().is_some_and(|block| block.is_testing);
        if !is_testing {
            if !matches!(after, After::And | After::Or) {
                return true;
            }
            self.blocks.push(Block { kind: Kind::Chain, ..Block::default() });
        }
        let is_negative = !is_testing && after == After::Or;
        let (Some(subject), Some(value)) = (words.get(1), words.get(3)) else { return true };
        let is_equal = matches!(plain(2), "=" | "==");
        let Some(block) = self.blocks.last_mut() else { return true };
        if branches::is_branch(subject) {
            block.is_about_branches = true;
            let found = value.plain().filter(|_| is_equal && !is_negative);
            match found.and_then(|value| branches::of_case(subject, value)) {
                Some(found) => block.branches.extend(found),
                None => block.is_unclear = true,
            }
        } else if is_equal && !subject.pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            block.name = value.plain().filter(|name| !name.is_empty()).map(str::to_owned);
        }
        true
    }

    /// The branches and the name that hold here, and whether the branches are clear.
    pub fn condition(&self) -> (Vec<String>, Option<String>, bool) {
        let inner = self.blocks.iter().rev().find(|block| !block.branches.is_empty());
        let branches = inner.map_or(&self.job.branches, |block| &block.branches).clone();
        let name = self.blocks.iter().rev().find_map(|block| block.name.clone());
        let is_unclear = self.blocks.iter().any(|block| block.is_unclear)
            || (inner.is_none() && self.job.is_unclear);
        let branches = if is_unclear { Vec::new() } else { branches };
        (branches, name.or_else(|| self.job.name.clone()), !is_unclear)
    }

    /// Under a condition, it is not known afterwards.
    pub(super) fn assigned(&mut self, name: &str) {
        if let Some(block) = self.blocks.last_mut() {
            block.assigned.insert(name.to_owned());
        }
    }
}
