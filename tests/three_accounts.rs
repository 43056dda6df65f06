//! Three accounts on one server. moto provides STS and S3: the temporary keys of a role in account N act as account N.
//! `.ci/run` starts it and sets its address in `XTASK_TEST_MOTO`; without it these tests are ignored, and say so.

use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::json;

use crate::harness::{Repo, Store, Wire, block_on};

const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("production", "main", "111111111111"),
    ("staging", "staging", "222222222222"),
    ("development", "feature/a", "333333333333"),
];

/// Temporary keys of a role in an account.
struct Keys {
    id: String,
    secret: String,
    token: String,
}

/// One repository with three environments, and keys for each.
struct Site {
    repo: Repo,
    wire: Wire,
    keys: [Keys; 3],
    buckets: [String; 3],
}

impl Site {
    fn new() -> Site {
        let address =
            std::env::var("XTASK_TEST_MOTO").expect("XTASK_TEST_MOTO names moto's address");
        let keys = ACCOUNTS.map(|(_, _, account)| assume_role(&address, account));
        let buckets = [0, 1, 2].map(|n| {
            let Keys { id, secret, token } = &keys[n];
            Store::with_token(&address, "us-east-1", id, secret, token).new_bucket()
        });
        let repo = Repo::new("main");
        let wire = Wire::to(address.strip_prefix("http://").expect("an address without TLS"));
        let site = Site { repo, wire, keys, buckets };
        site.repo.write("site/deploy.toml", site.config());
        site.repo.write("site/public/index.html", "page");
        site.repo.write("site/public/a.css", "style");
        site.repo.commit("site");
        site
    }

    fn config(&self) -> String {
        let mut config =
            "[build]\ncommand = [\"touch\", \"built\"]\noutput = \"public\"\n".to_owned();
        for ((name, branch, account), bucket) in ACCOUNTS.iter().zip(&self.buckets) {
            let (upper, endpoint) = (name.to_uppercase(), self.wire.endpoint());
            config += &format!(
                r#"
[environments.{name}]
branches = ["{branch}"]
account = "{account}"
region = "us-east-1"
bucket = "{bucket}"
endpoint = "{endpoint}"
credentials = {{ access-key-id = "{upper}_KEY", secret-access-key = "{upper}_SECRET", session-token = "{upper}_TOKEN" }}
"#
            );
        }
        config
    }

    /// The variables of all three environments, as in a CI job. `keys[n]` are set under the names of environment n.
    fn variables<'a>(&self, keys: [&'a Keys; 3]) -> Vec<(String, &'a str)> {
        let of = |((name, ..), keys): (&(&str, &str, &str), &'a Keys)| {
            let upper = name.to_uppercase();
            [
                (format!("{upper}_KEY"), keys.id.as_str()),
                (format!("{upper}_SECRET"), keys.secret.as_str()),
                (format!("{upper}_TOKEN"), keys.token.as_str()),
            ]
        };
        ACCOUNTS.iter().zip(keys).flat_map(of).collect()
    }

    fn objects(&self, n: usize) -> Vec<String> {
        let Keys { id, secret, token } = &self.keys[n];
        let address = std::env::var("XTASK_TEST_MOTO").expect("an address");
        let store = Store::with_token(&address, "us-east-1", id, secret, token);
        store
            .objects(&self.buckets[n])
            .into_keys()
            .filter(|key| !key.starts_with(".xtask/"))
            .collect()
    }
}

fn assume_role(address: &str, account: &str) -> Keys {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("made-up", "made-up", None, None, "tests"))
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
        .endpoint_url(address);
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let role = format!("arn:aws:iam::{account}:role/deploy");
    let assumed = block_on(client.assume_role().role_arn(role).role_session_name("test").send());
    let credentials = assumed.expect("a role is assumed").credentials.expect("credentials");
    Keys {
        id: credentials.access_key_id,
        secret: credentials.secret_access_key,
        token: credentials.session_token,
    }
}

fn borrowed<'a>(variables: &'a [(String, &'a str)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn each_branch_reaches_its_own_account() {
    let site = Site::new();
    let [production, staging, development] = &site.keys;
    let variables = site.variables([production, staging, development]);
    for (n, (name, branch, account)) in ACCOUNTS.into_iter().enumerate() {
        if branch != "main" {
            site.repo.switch_to_new(branch);
        }
        let report = site.repo.xtask(&["deploy", "--json"], &borrowed(&variables)).exits(0).json();
        assert_eq!(report["environment"], json!(name));
        assert_eq!(report["account"], json!(account));
        assert_eq!(report["bucket"], json!(site.buckets[n]));
        for (other, bucket) in site.buckets.iter().enumerate() {
            let expected = if other <= n { vec!["a.css", "index.html"] } else { vec![] };
            assert_eq!(site.objects(other), expected, "{bucket} after {name}");
        }
        for seen in site.wire.take().iter().filter(|seen| seen.path != "/") {
            assert!(seen.path.starts_with(&format!("/{}", site.buckets[n])), "{seen:?}");
            assert_eq!(seen.owner.as_deref(), Some(account), "{seen:?}");
        }
        let again = site.repo.xtask(&["deploy"], &borrowed(&variables)).exits(0);
        assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
        assert_eq!(site.wire.take_writes(), 0);
    }
}

/// Asserts a refusal before anything is built or written.
#[track_caller]
fn refused(site: &Site, variables: &[(&str, &str)], code: &str) {
    site.wire.take();
    let ran = site.repo.xtask(&["deploy", "--json"], variables).exits(3);
    assert_eq!(ran.json()["refused"]["code"], json!(code));
    assert!(!site.repo.join("site/built").exists(), "the generator was run");
    let to_buckets = site.wire.take().into_iter().filter(|seen| seen.path != "/").count();
    assert_eq!(to_buckets, 0, "requests to a bucket");
    for n in 0..3 {
        assert!(site.objects(n).is_empty(), "{} was written to", site.buckets[n]);
    }
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn the_keys_of_another_account_under_the_right_names_are_refused() {
    let site = Site::new();
    let [production, staging, development] = &site.keys;
    let variables = site.variables([staging, production, development]);
    refused(&site, &borrowed(&variables), "wrong-account");
    site.repo.switch_to_new("staging");
    refused(&site, &borrowed(&variables), "wrong-account");
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn missing_names_are_refused_with_productions_keys_in_the_ambient_variables() {
    let site = Site::new();
    site.repo.switch_to_new("staging");
    let Keys { id, secret, token } = &site.keys[0];
    let ambient = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_SESSION_TOKEN", token.as_str()),
        ("PRODUCTION_KEY", id.as_str()),
        ("PRODUCTION_SECRET", secret.as_str()),
        ("PRODUCTION_TOKEN", token.as_str()),
        ("STAGING_KEY", ""),
    ];
    refused(&site, &ambient, "missing-credentials");
    assert!(site.wire.take().is_empty(), "a request without credentials");
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn the_pull_request_of_a_fork_from_a_branch_called_main_is_refused() {
    let site = Site::new();
    let config = site
        .config()
        .replace("branches = [\"main\"]", "branches = [\"main\"]\npull-requests = true");
    site.repo.write("site/deploy.toml", config);
    let [production, staging, development] = &site.keys;
    let variables = site.variables([production, staging, development]);
    let circle = [
        ("CIRCLECI", "true"),
        ("CIRCLE_BRANCH", "main"),
        ("CIRCLE_PR_NUMBER", "7"),
        ("CIRCLE_PR_USERNAME", "mallory"),
    ];
    refused(&site, &[borrowed(&variables), circle.to_vec()].concat(), "fork");
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn ambient_credentials_are_used_only_if_the_environment_asks_for_them() {
    let site = Site::new();
    let named = r#"credentials = { access-key-id = "PRODUCTION_KEY", secret-access-key = "PRODUCTION_SECRET", session-token = "PRODUCTION_TOKEN" }"#;
    site.repo.write("site/deploy.toml", site.config().replace(named, "credentials = \"ambient\""));
    let ambient = |keys: &Keys| {
        [
            ("AWS_ACCESS_KEY_ID", keys.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret.clone()),
            ("AWS_SESSION_TOKEN", keys.token.clone()),
        ]
    };
    let wrong = ambient(&site.keys[1]);
    refused(&site, &wrong.each_ref().map(|(name, value)| (*name, value.as_str())), "wrong-account");
    let right = ambient(&site.keys[0]);
    let right = right.each_ref().map(|(name, value)| (*name, value.as_str()));
    site.repo.xtask(&["deploy"], &right).exits(0);
    assert_eq!(site.objects(0), ["a.css", "index.html"]);
}

#[test]
#[ignore = "needs moto, which .ci/run starts"]
fn a_profile_is_taken_whatever_the_ambient_variables_hold() {
    let site = Site::new();
    let named = r#"credentials = { access-key-id = "STAGING_KEY", secret-access-key = "STAGING_SECRET", session-token = "STAGING_TOKEN" }"#;
    let profile = "credentials = { profile = \"stg\" }";
    site.repo.write("site/deploy.toml", site.config().replace(named, profile));
    site.repo.switch_to_new("staging");
    let Keys { id, secret, token } = &site.keys[1];
    let folder = site.repo.home().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let file = format!(
        "[stg]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
    );
    std::fs::write(folder.join("credentials"), file).unwrap();
    let Keys { id, secret, token } = &site.keys[0];
    let ambient = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_SESSION_TOKEN", token.as_str()),
    ];
    site.repo.xtask(&["deploy"], &ambient).exits(0);
    assert_eq!(site.objects(1), ["a.css", "index.html"]);
    assert!(site.objects(0).is_empty());
}
