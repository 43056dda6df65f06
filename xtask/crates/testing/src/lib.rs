//! What tests begin with: a `deploy.toml`, a folder that holds it, and a git repository.
//!
//! The crate uses no other crate of the tool, so that the tests of each of them can use it. What the tool makes of
//! a sample is up to the test.

pub mod repository;

use tempfile::TempDir;

/// The commit of samples that need one and no repository.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder with a `deploy.toml`. It is removed when the value is dropped.
pub fn site(deploy_toml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), deploy_toml).unwrap();
    folder
}

/// A `deploy.toml` with one environment, `production`, `staging` or `development`, whose site is in `public`.
///
/// `lines` are more lines of the environment. A key that they set replaces the sample's.
pub fn deploy_toml(environment: &str, lines: &str) -> String {
    format!("[build]\noutput = \"public\"\n\n{}", environment_of(environment, lines))
}

/// The section of an environment alone, as in [`deploy_toml`].
pub fn environment_of(name: &str, lines: &str) -> String {
    let (branch, digit, bucket) = match name {
        "production" => ("main", "1", "example.com"),
        "staging" => ("staging", "2", "stg.example.com"),
        "development" => ("development", "3", "dev.example.com"),
        _ => panic!("`{name}` is no environment of the samples"),
    };
    let usual = [
        ("branches", format!("[\"{branch}\"]")),
        ("account", format!("\"{}\"", digit.repeat(12))),
        ("region", "\"eu-central-1\"".to_owned()),
        ("bucket", format!("\"{bucket}\"")),
    ];
    let sets = |key: &str| lines.lines().any(|line| line.trim().starts_with(&format!("{key} =")));
    let usual = usual.iter().filter(|(key, _)| !sets(key));
    let usual: String = usual.map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("[environments.{name}]\n{usual}{lines}\n")
}

#[test]
fn lines_replace_those_of_the_sample() {
    let text = deploy_toml("staging", "branches = [\"a\", \"b\"]\nprefix = \"p/\"");
    let expected = "[build]\noutput = \"public\"\n\n[environments.staging]\naccount = \"222222222222\"\nregion = \"eu-central-1\"\nbucket = \"stg.example.com\"\nbranches = [\"a\", \"b\"]\nprefix = \"p/\"\n";
    assert_eq!(text, expected);
    let folder = site(&text);
    assert_eq!(std::fs::read_to_string(folder.path().join("deploy.toml")).unwrap(), expected);
}
