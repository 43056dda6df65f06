//! The environments of a new `deploy.toml`: what was found, what the user typed, and what is not known yet.

use std::collections::HashSet;

use crate::deployed::{Credentials, Headers, Place};

/// An environment as `deploy.toml` will have it. A value that is not known is `None`, and is written as an empty text,
/// with which only `--local` and `preview` work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub branches: Vec<String>,
    pub account: Option<String>,
    pub region: Option<String>,
    pub bucket: Option<String>,
    pub prefix: Option<String>,
    pub endpoint: Option<String>,
    pub url: Option<String>,
    pub credentials: Option<Credentials>,
    pub acl: Option<String>,
    pub encryption: Option<String>,
    /// Of the distribution in front of the bucket.
    pub distribution: Option<String>,
    /// Where it was found, for the comment above it.
    pub found: Option<String>,
}

/// What the places that were found have in common with `[[headers]]` and `keep`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    pub keep: Vec<String>,
    pub headers: Vec<Headers>,
}

/// The places that files of the site go to, as environments: one for each bucket and prefix, in the order in which they
/// were found. Of two files that name the same place, the later fills in what the first does not say.
pub fn drafts(places: &[Place]) -> (Vec<Draft>, Shared) {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut shared = Shared::default();
    for place in places {
        shared.add(place);
        let draft = draft(place);
        let same = |other: &&mut Draft| {
            let is_known = draft.bucket.is_some();
            is_known && other.bucket == draft.bucket && other.prefix == draft.prefix
        };
        match drafts.iter_mut().find(same) {
            Some(known) => known.fill_in(draft),
            None => drafts.push(draft),
        }
    }
    name(&mut drafts);
    (drafts, shared)
}

impl Shared {
    fn add(&mut self, place: &Place) {
        for glob in &place.keep {
            if !self.keep.contains(glob) {
                self.keep.push(glob.clone());
            }
        }
        for headers in &place.headers {
            if !self.headers.contains(headers) {
                self.headers.push(headers.clone());
            }
        }
    }
}

impl Draft {
    fn fill_in(&mut self, other: Draft) {
        if self.branches.is_empty() {
            self.branches = other.branches;
        }
        if self.name.is_empty() {
            self.name = other.name;
        }
        for (mine, other) in [
            (&mut self.account, other.account),
            (&mut self.region, other.region),
            (&mut self.endpoint, other.endpoint),
            (&mut self.url, other.url),
            (&mut self.acl, other.acl),
            (&mut self.encryption, other.encryption),
            (&mut self.distribution, other.distribution),
        ] {
            if mine.is_none() {
                *mine = other;
            }
        }
        if self.credentials.is_none() {
            self.credentials = other.credentials;
        }
    }

    /// The environment variables that hold its credentials.
    pub fn secrets(&self) -> Vec<String> {
        match &self.credentials {
            Some(Credentials::Variables { access_key_id, secret_access_key }) => {
                vec![access_key_id.clone(), secret_access_key.clone()]
            }
            Some(Credentials::Profile(_) | Credentials::Role(_)) => Vec::new(),
            // The names that `deploy.toml` takes if it names none.
            None => {
                let name = self
                    .name
                    .to_ascii_uppercase()
                    .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                vec![format!("{name}_AWS_ACCESS_KEY_ID"), format!("{name}_AWS_SECRET_ACCESS_KEY")]
            }
        }
    }

    /// What a person still has to fill in.
    pub fn unknown(&self) -> Vec<&'static str> {
        let is_aws = self.endpoint.is_none();
        let values = [
            ("branches", self.branches.is_empty()),
            ("account", self.account.is_none() && is_aws),
            ("region", self.region.is_none()),
            ("bucket", self.bucket.is_none()),
        ];
        values.into_iter().filter(|(_, is_unknown)| *is_unknown).map(|(key, _)| key).collect()
    }
}

fn draft(place: &Place) -> Draft {
    let account = place.account.clone().or_else(|| match &place.credentials {
        Some(Credentials::Role(arn)) => account_of(arn),
        _ => None,
    });
    Draft {
        name: place.name.as_deref().map(plain_name).unwrap_or_default(),
        branches: place.branches.clone(),
        account,
        region: place.region.clone(),
        bucket: Some(place.bucket.clone()).filter(|bucket| !bucket.is_empty()),
        prefix: Some(place.prefix.clone()).filter(|prefix| !prefix.is_empty()),
        endpoint: place.endpoint.clone(),
        url: place.url.clone(),
        credentials: place.credentials.clone(),
        acl: place.acl.clone(),
        encryption: place.encryption.clone(),
        distribution: place.distribution.clone(),
        found: Some(format!("{}:{}", place.file.display(), place.line)),
    }
}

/// The account in the ARN of a role: `arn:aws:iam::111111111111:role/name`.
fn account_of(arn: &str) -> Option<String> {
    let account = arn.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| account.to_owned())
}

/// A name as `deploy.toml` takes it.
fn plain_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) { c.to_ascii_lowercase() } else { '-' }
    };
    name.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}

/// Names by the branch, if the file has none that says more than "deploy". Each is used once.
fn name(drafts: &mut [Draft]) {
    let mut used = HashSet::new();
    for draft in drafts {
        let is_plain = draft.name.is_empty()
            || ["build", "deploy", "ci", "publish", "release", "site", "s3", "upload"]
                .contains(&draft.name.as_str());
        if is_plain {
            draft.name = by_branch(&draft.branches)
                .or_else(|| draft.bucket.as_deref().map(plain_name))
                .unwrap_or_default();
        }
        let base = draft.name.clone();
        let mut next = 2;
        while draft.name.is_empty() || !used.insert(draft.name.clone()) {
            draft.name = format!("{}-{next}", if base.is_empty() { "environment" } else { &base });
            next += 1;
        }
    }
}

fn by_branch(branches: &[String]) -> Option<String> {
    let first = branches.first()?;
    let name = match first.as_str() {
        "main" | "master" | "production" | "prod" | "release" => "production".to_owned(),
        "staging" | "stage" | "stg" => "staging".to_owned(),
        "development" | "develop" | "dev" => "development".to_owned(),
        other => plain_name(other),
    };
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, branch: &str, bucket: &str) -> Place {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Place {
            name: some(name),
            branches: some(branch).into_iter().collect(),
            bucket: bucket.into(),
            file: "circle.yml".into(),
            line: 3,
            ..Place::default()
        }
    }

    #[test]
    fn environments_are_named_by_the_file_or_by_the_branch() {
        let places = [
            place("Production", "master", "a"),
            place("deploy", "staging", "b"),
            place("", "feature/**", "c"),
            place("", "", "Dev.Example"),
            place("production", "main", "d"),
        ];
        let (drafts, _) = drafts(&places);
        let names: Vec<&str> = drafts.iter().map(|draft| draft.name.as_str()).collect();
        assert_eq!(
            names,
            ["production", "staging", "feature----", "dev-example", "production-2"]
                .map(|n| if n == "feature----" { "feature" } else { n })
        );
    }

    #[test]
    fn two_files_that_name_a_bucket_are_one_environment() {
        let first = Place { region: None, ..place("", "", "a") };
        let second = Place { region: Some("eu-west-1".into()), ..place("production", "main", "a") };
        let (drafts, _) = drafts(&[first, second]);
        assert_eq!(drafts.len(), 1);
        assert_eq!(drafts[0].branches, ["main"]);
        assert_eq!(drafts[0].region.as_deref(), Some("eu-west-1"));
        assert_eq!(drafts[0].found.as_deref(), Some("circle.yml:3"));
        assert_eq!(drafts[0].unknown(), ["account"]);
    }

    #[test]
    fn places_whose_bucket_is_not_known_stay_apart() {
        let places = [place("production", "main", ""), place("staging", "staging", "")];
        let (drafts, _) = drafts(&places);
        assert_eq!(drafts.len(), 2);
        assert_eq!(drafts[0].unknown(), ["account", "region", "bucket"]);
    }

    #[test]
    fn the_account_of_a_role_is_in_its_arn() {
        assert_eq!(account_of("arn:aws:iam::111111111111:role/a").as_deref(), Some("111111111111"));
        for arn in ["arn:aws:iam::11111111111:role/a", "role", "arn:aws:iam::${ACCOUNT}:role/a"] {
            assert_eq!(account_of(arn), None, "{arn}");
        }
    }
}
