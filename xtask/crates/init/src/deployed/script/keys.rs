//! Where the keys of a command come from: variables, a profile that an earlier command wrote, or a role.

use super::super::words::{Command, Word};
use super::{ACCESS_KEY_ID, Credentials, Role, SECRET_ACCESS_KEY, Script, Value};

const MARK: char = '\u{1}';

impl Script<'_> {
    /// Where the keys come from for a command with this profile.
    pub fn credentials(&self, profile: Option<&str>) -> Option<Credentials> {
        let profile = profile.or_else(|| self.variable("AWS_PROFILE"));
        let profile = profile.or_else(|| self.variable("AWS_DEFAULT_PROFILE"));
        let of_profile = |name: &str| {
            let profile = self.job.profiles.get(name)?;
            variables(profile.access_key_id.as_ref()?, profile.secret_access_key.as_ref()?)
        };
        if let Some(profile) = profile.filter(|profile| *profile != "default") {
            return of_profile(profile).or_else(|| {
                let is_written =
                    self.job.profiles.get(profile).is_some_and(|p| p.access_key_id.is_some());
                (!is_written).then(|| Credentials::Profile(profile.to_owned()))
            });
        }
        let key = |name: &str| self.job.variables.get(name);
        let usual = |name: &str| Value::Outside { name: name.to_owned(), written: String::new() };
        let role = self.role().map(Credentials::Role);
        match (key(ACCESS_KEY_ID), key(SECRET_ACCESS_KEY)) {
            // The keys of a role are made when the job runs.
            (Some(id), secret) => {
                variables(id, secret.unwrap_or(&usual(SECRET_ACCESS_KEY))).or(role)
            }
            _ if role.is_some() || self.job.role == Role::Unknown => role,
            _ if self.job.profiles.get("default").is_some_and(|p| p.access_key_id.is_some()) => {
                of_profile("default")
            }
            _ if self.is_ci && !self.has_conditional_keys() => {
                variables(&usual(ACCESS_KEY_ID), &usual(SECRET_ACCESS_KEY))
            }
            _ => None,
        }
    }

    /// The ARN of the role that signs: one that was assumed, or that of the variable that AWS's programs read.
    fn role(&self) -> Option<String> {
        match &self.job.role {
            Role::Arn(arn) => Some(arn.clone()),
            Role::Unknown => None,
            Role::No => self.variable("AWS_ROLE_ARN").map(str::to_owned),
        }
    }

    /// `CREDENTIALS=$(aws sts assume-role --role-arn …)`. The commands that make variables of its output are not read.
    pub(super) fn assume_inside(&mut self, words: &[Word]) {
        let written = words.iter().map(Word::written).find(|text| text.contains("sts assume-role"));
        let Some(written) = written else { return };
        let after = written.split("--role-arn").nth(1).unwrap_or_default();
        let arn = after.trim_start_matches(['=', ' ', '"']).split([' ', '"', ')', '\n']).next();
        let arn = self.text(arn.unwrap_or_default());
        self.job.role = match arn.known().filter(|arn| arn.starts_with("arn:")) {
            Some(arn) => Role::Arn(arn.to_owned()),
            None => Role::Unknown,
        };
    }

    pub fn region(&self, profile: Option<&str>) -> Option<String> {
        let variable = self.variable("AWS_REGION").or_else(|| self.variable("AWS_DEFAULT_REGION"));
        let profile = self.job.profiles.get(profile.unwrap_or("default"));
        variable.map(str::to_owned).or_else(|| profile?.region.clone())
    }

    /// What is written into a file that later commands read.
    pub(super) fn write(
        &mut self,
        words: &[Word],
        command: &Command,
        exported: &mut Vec<(String, Value)>,
    ) {
        let program = words[0].plain().unwrap_or_default();
        let output = command.output.as_ref().or(match program {
            "tee" => words.last(),
            _ => None,
        });
        let Some(output) = output.map(Word::written) else { return };
        let is_environment = output.contains("GITHUB_ENV") || output.contains("BASH_ENV");
        let is_aws = output.ends_with("/credentials") || output.ends_with(".aws/config");
        if !is_environment && !is_aws {
            return;
        }
        // A value that is not known is a mark in the text, and an index.
        let mut values = Vec::new();
        let mut text = String::new();
        let inputs: Vec<&Word> = words[1..].iter().chain(&command.input).collect();
        for (at, word) in inputs.iter().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            for piece in &word.pieces {
                match self.piece(piece) {
                    Value::Text(known) => text.push_str(&known),
                    value => {
                        text.push_str(&format!("{MARK}{}", values.len()));
                        values.push(value);
                    }
                }
            }
        }
        if program == "printf" {
            text = formatted(&text);
        }
        for line in text.replace("\\n", "\n").lines() {
            self.written_line(line.trim().trim_start_matches("-e "), &values, is_aws, exported);
        }
    }

    pub(super) fn written_line(
        &mut self,
        line: &str,
        values: &[Value],
        is_aws: bool,
        exported: &mut Vec<(String, Value)>,
    ) {
        let line = line.trim().trim_start_matches("export ");
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            self.job.section = section.trim_start_matches("profile ").trim().to_owned();
            return;
        }
        let Some((key, text)) = line.split_once('=') else { return };
        let text = text.trim().trim_matches('"');
        let marked = text.strip_prefix(MARK).and_then(|at| at.parse::<usize>().ok());
        let value = match marked.and_then(|at| values.get(at)) {
            Some(value) => value.clone(),
            None if text.contains(MARK) => {
                Value::Outside { name: String::new(), written: format!("${}", key.trim()) }
            }
            None => Value::Text(text.to_owned()),
        };
        if is_aws {
            let section = self.job.section.clone();
            self.set_profile(&section, key.trim(), value);
        } else {
            exported.push((key.trim().to_owned(), value.clone()));
            self.job.variables.insert(key.trim().to_owned(), value);
        }
    }

    pub fn set_profile(&mut self, profile: &str, key: &str, value: Value) {
        let profile = self.job.profiles.entry(profile.to_owned()).or_default();
        match (key, value) {
            ("aws_access_key_id", value) => profile.access_key_id = Some(value),
            ("aws_secret_access_key", value) => profile.secret_access_key = Some(value),
            ("region", Value::Text(region)) => profile.region = Some(region),
            _ => {}
        }
    }
}

/// The names of two variables. None if a key stands in the file itself, or is made when the job runs.
fn variables(id: &Value, secret: &Value) -> Option<Credentials> {
    let name = |value: &Value| match value {
        Value::Outside { name, .. } if !name.is_empty() && !name.contains('.') => {
            Some(name.clone())
        }
        _ => None,
    };
    Some(Credentials::Variables { access_key_id: name(id)?, secret_access_key: name(secret)? })
}

/// What `printf` writes: the first text, in which `%s` takes the others in their order.
fn formatted(text: &str) -> String {
    let Some(end) = text.find(&format!(" {MARK}")) else { return text.to_owned() };
    let mut args = text[end..].split_whitespace();
    let mut parts = text[..end].split("%s");
    let mut formatted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        formatted.push_str(args.next().unwrap_or_default());
        formatted.push_str(part);
    }
    formatted
}
