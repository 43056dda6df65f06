//! The programs that a script calls: those that send files, and those that run other files of the repository.

use std::path::Path;

use super::super::words::Source;
use super::super::{SCRIPTS, make, tree, upload};
use super::{Arg, DEEPEST, MOST_CALLS, Role, Script, Value};

impl Script<'_> {
    /// A command by its arguments, the first of which is its name.
    pub(super) fn call(&mut self, args: &[Arg]) {
        let Some((program, rest)) = args.split_first() else { return };
        let program = program.text.rsplit('/').next().unwrap_or_default();
        let texts: Vec<&str> = rest.iter().map(|arg| arg.text.as_str()).collect();
        match (program, texts.as_slice()) {
            ("sh" | "bash" | "zsh" | "eval", _) => self.nested_shell(rest),
            ("aws-vault", ["exec", _, ..]) => self.call_with_vault(&rest[1], &rest[2..]),
            ("pipenv" | "poetry" | "uv", ["run", ..]) | ("bundle", ["exec", ..]) => {
                self.call(&rest[1..])
            }
            ("npx" | "nice", _) => self.call(rest),
            ("docker" | "podman", ["run", ..]) => {
                let image = texts.iter().position(|text| text.contains("amazon/aws-cli"));
                if let Some(at) = image {
                    upload::aws::call(self, &rest[at + 1..]);
                }
            }
            ("aws", _) => upload::aws::call(self, rest),
            ("s3cmd", _) => upload::tools::s3cmd(self, rest),
            ("s5cmd", _) => upload::tools::s5cmd(self, rest),
            ("s3deploy", _) => upload::tools::s3deploy(self, rest),
            ("rclone", _) => upload::tools::rclone(self, rest),
            ("hugo", ["deploy", ..]) => upload::tools::hugo(self, &rest[1..]),
            ("make" | "gmake", _) => self.call_make(rest),
            ("npm" | "yarn" | "pnpm" | "bun", ["run" | "run-script", name, ..])
            | ("yarn", [name, ..]) => {
                self.call_npm(name);
            }
            _ if args[0].text.contains('/') => self.call_script(&args[0]),
            _ => {}
        }
    }

    /// `aws-vault exec profile -- command`.
    fn call_with_vault(&mut self, profile: &Arg, args: &[Arg]) {
        let before = (self.job.variables.clone(), self.job.role.clone());
        match profile.known() {
            Some(profile) => {
                let value = Value::Text(profile.to_owned());
                self.job.variables.insert("AWS_PROFILE".to_owned(), value);
            }
            None => self.job.role = Role::Unknown,
        }
        let at = args.iter().position(|arg| arg.text == "--").map_or(0, |at| at + 1);
        self.call(&args[at..]);
        (self.job.variables, self.job.role) = before;
    }

    /// `sh -c '…'`.
    pub(super) fn nested_shell(&mut self, args: &[Arg]) {
        let at = args.iter().position(|arg| arg.text.starts_with('-') && arg.text.ends_with('c'));
        let Some(text) = at.and_then(|at| args.get(at + 1)) else {
            return args
                .iter()
                .find(|arg| !arg.text.starts_with('-'))
                .map_or((), |arg| self.call_script(arg));
        };
        if self.depth < DEEPEST {
            let line = self.line;
            self.below(|script| {
                script.run(Source { text: &text.text, line, is_literal: false });
            });
        }
    }

    /// `make deploy BUCKET=example.com`.
    pub(super) fn call_make(&mut self, args: &[Arg]) {
        let file =
            ["Makefile", "makefile", "GNUmakefile"].into_iter().find(|file| self.is_here(file));
        let plain = args.iter().filter(|arg| !arg.text.starts_with('-') && !arg.text.contains('='));
        let names: Vec<&str> = plain.map(|arg| arg.text.as_str()).collect();
        let set = args.iter().filter(|arg| !arg.text.starts_with('-') && arg.missing.is_empty());
        let set = set.filter_map(|arg| arg.text.split_once('='));
        let set: Vec<(&str, &str)> = set.collect();
        self.called(file, |script, text| make::call(script, text, &names, &set));
    }

    pub(super) fn call_npm(&mut self, name: &str) {
        let file = Some("package.json").filter(|file| self.is_here(file));
        self.called(file, |script, text| {
            let tree = tree::from_json(text, "scripts").ok();
            let source = tree.as_ref().and_then(|tree| tree.at(&["scripts", name])?.source());
            if let Some(source) = source {
                script.run_alone(source);
            }
        });
    }

    pub(super) fn call_script(&mut self, path: &Arg) {
        let path = path.known().and_then(|path| self.folder(path));
        let file = SCRIPTS.iter().copied().find(|file| path.as_deref() == Some(Path::new(file)));
        self.called(file, |script, text| {
            script.run_alone(Source { text, line: 1, is_literal: true });
        });
    }

    /// Whether the current folder is the top of the repository, and has that file.
    pub(super) fn is_here(&self, file: &str) -> bool {
        self.job.folder.as_deref() == Some(Path::new(""))
            && self.repository.root.join(file).is_file()
    }

    /// Runs a file for this job: what it sends has the branches and credentials of the job.
    pub(super) fn called(&mut self, file: Option<&str>, run: impl FnOnce(&mut Self, &str)) {
        let Some(file) = file.filter(|_| self.depth < DEEPEST && self.calls < MOST_CALLS) else {
            return;
        };
        let text = super::super::text(&self.repository.root, file, &mut self.notes);
        let Some(text) = text else { return };
        let before = (std::mem::replace(&mut self.file, file.into()), self.line);
        self.calls += 1;
        self.below(|script| run(script, &text));
        (self.file, self.line) = before;
    }

    /// Runs other commands under the conditions that hold here.
    fn below(&mut self, run: impl FnOnce(&mut Self)) {
        let (branches, name, is_clear) = self.condition();
        let job = (self.job.branches.clone(), self.job.name.clone(), self.job.is_unclear);
        (self.job.branches, self.job.name, self.job.is_unclear) = (branches, name, !is_clear);
        self.depth += 1;
        run(self);
        self.depth -= 1;
        (self.job.branches, self.job.name, self.job.is_unclear) = job;
    }
}
