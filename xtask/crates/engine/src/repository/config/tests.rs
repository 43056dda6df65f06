//! Every mistake that `deploy.toml` can contain, and the message for its author. A row of these tables is the small
//! valid file below with one text replaced by another.

use std::path::Path;
use std::time::Duration;

use expect_test::expect;

use super::*;

mod stores;

const VALID: &str = r#"[build]
command = ["make"]
output = "public"

[environments.staging]
branches = ["staging"]
account = "222222222222"
region = "eu-central-1"
bucket = "stg.example.com"
"#;

/// The id and the secret of an access key, from AWS's documentation.
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn parse(text: &str) -> Result<Config> {
    let shown = Path::new("site/deploy.toml");
    let rendered = |problems| Error::Config(problem::render(shown, text, problems));
    let (config, open) = read::config(text, Path::new("/repository/site")).map_err(rendered)?;
    match open.is_empty() {
        true => Ok(config),
        false => Err(rendered(open)),
    }
}

fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error:?}"))
}

/// An environment whose place is given by these lines, not by those of the valid file.
pub(crate) fn environment(lines: &str) -> Environment {
    let place = "account = \"222222222222\"\nregion = \"eu-central-1\"";
    config(&changed(place, lines)).environments.remove(0)
}

/// The valid file with a text replaced, or with lines added if there is nothing to replace.
fn changed(from: &str, to: &str) -> String {
    assert!(VALID.contains(from), "{from}");
    match from {
        "" => format!("{VALID}{to}\n"),
        _ => VALID.replacen(from, to, 1),
    }
}

fn problems(text: &str) -> String {
    match parse(text) {
        Ok(_) => "NO PROBLEM".into(),
        Err(error @ Error::Config(_)) => {
            assert_eq!(error.exit_code(), 2);
            let Error::Config(text) = error else { unreachable!() };
            text
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// The problems of each row, without the line that counts them.
fn table<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (from, to) in rows {
        let text = problems(&changed(from, to));
        let below = text.split_once("\n\n").map_or(text.as_str(), |(_, below)| below);
        let below = below.replace("  site/deploy.toml:", "").replace("\n\n", "\n");
        out.push_str(&format!("{below}\n"));
    }
    out
}

#[test]
fn a_problem_is_shown_with_its_file_line_and_column() {
    expect![[r#"
        `site/deploy.toml` has a problem

          site/deploy.toml:9:1: unknown key `buckte`; did you mean `bucket`?
            buckte = "stg.example.com""#]]
    .assert_eq(&problems(&changed("bucket =", "buckte =")));
}

#[test]
fn several_problems_are_shown_at_once_in_the_order_of_their_lines() {
    let text = r#"
[build]
outptu = "public"

[environments.production]
branches = ["main"]
account = 111111111111
region = "eu-central-1"
bucket = "example.com"

[environments.staging]
branches = ["staging", "main"]
account = "2222"

[[headers]]
match = "**/*.{css"
cache-contol = "no-cache"
"#;
    expect![[r#"
        `site/deploy.toml` has 8 problems

          site/deploy.toml:3:1: unknown key `outptu`; did you mean `output`?
            outptu = "public"

          site/deploy.toml:7:11: `account` must be in quotes: an account's number may begin with 0
            account = 111111111111

          site/deploy.toml:11:15: `bucket` is missing
            [environments.staging]

          site/deploy.toml:11:15: `[environments.staging]` lacks `region`, such as "eu-central-1"
            [environments.staging]

          site/deploy.toml:12:24: branch `main` is already in `branches` of `production`; a branch goes to one environment
            branches = ["staging", "main"]

          site/deploy.toml:13:11: `account` must be the twelve digits of an AWS account
            account = "2222"

          site/deploy.toml:16:9: this is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
            match = "**/*.{css"

          site/deploy.toml:17:1: `cache-contol` is not a header that S3 stores; did you mean `cache-control`?
            cache-contol = "no-cache""#]].assert_eq(&problems(text));
}

#[test]
fn what_is_no_toml_is_shown_where_it_stops_to_be() {
    expect![[r#"
        8:23: invalid basic string, expected `"`
            region = "eu-central-1
        8:10: string values must be quoted, expected literal string; a value is a text in straight quotes, a number, true or false, or a list of these
            region = eu-central-1
        7:1: missing comma between array elements, expected `,`
            account = "222222222222"
        9:1: duplicate key
            account = "stg.example.com"
        5:22: unclosed table, expected `]`
            [environments.staging
        10:15: duplicate key
            [environments.staging]
        10:2: duplicate key
            [build]
        9:8: key with no value, expected `=`
            bucket "stg.example.com"
    "#]]
    .assert_eq(&table([
        (r#""eu-central-1""#, r#""eu-central-1"#),
        (r#""eu-central-1""#, "eu-central-1"),
        (r#"["staging"]"#, r#"["staging""#),
        (r#"bucket ="#, r#"account ="#),
        (r#"[environments.staging]"#, r#"[environments.staging"#),
        ("", "[environments.staging]"),
        ("", "[build]\noutput = \"dist\""),
        ("bucket = ", "bucket "),
    ]));
}

#[test]
fn a_file_without_a_table_that_it_needs_says_which() {
    expect![[r#"
        `site/deploy.toml` has 2 problems

          site/deploy.toml:1:1: `build` is missing

          site/deploy.toml:1:1: `environments` is missing

        `site/deploy.toml` has a problem

          site/deploy.toml:3:1: there must be at least one environment: [environments.production]
            [environments]"#]]
    .assert_eq(&format!(
        "{}\n\n{}",
        problems(""),
        problems("[build]\noutput = \"public\"\n[environments]")
    ));
    expect![[r#"
        1:2: unknown key `builds`; did you mean `build`?
            [builds]
        5:2: unknown key `enviroments`; did you mean `environments`?
            [enviroments.staging]
        1:1: `environments` is missing
            [build]
        5:2: unknown key `staging`; known here: build, environments, headers, keep, exclude, publish, retain, website
            [staging]
        1:9: `[build]` must be a table
            build = "make"
        5:1: `environments` must be tables: [environments.production]
            [[environments]]
        1:1: `environments` is missing
            [build]
        5:1: unknown key `environments`; known here: command, env, output
            environments = "staging"
        6:2: unknown key `staging`; known here: build, environments, headers, keep, exclude, publish, retain, website
            [staging]
        6:14: `[environments.production]` must be a table
            production = "main"
        5:1: `[environments.staging]` must be a table
            [[environments.staging]]
    "#]]
    .assert_eq(&table([
        ("[build]\n", "[builds]\n"),
        ("[environments.staging]", "[enviroments.staging]"),
        ("[environments.staging]", "[staging]"),
        ("[build]\ncommand = [\"make\"]\noutput = \"public\"\n", "build = \"make\"\n"),
        ("[environments.staging]", "[[environments]]"),
        ("[environments.staging]", "environments = \"staging\"\n[staging]"),
        ("[environments.staging]", "[environments]\nproduction = \"main\"\n[environments.staging]"),
        ("[environments.staging]", "[[environments.staging]]"),
    ]));
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    expect![[r#"
        5:15: `[environments.staging]` lacks `branches`, such as ["main"]
            [environments.staging]
        6:1: unknown key `branch`; did you mean `branches`?
            branch = ["staging"]
        5:15: `[environments.staging]` lacks `region`, such as "eu-central-1"
            [environments.staging]
        8:1: unknown key `Region`; did you mean `region`?
            Region = "eu-central-1"
        10:1: unknown key `pull_requests`; did you mean `pull-requests`?
            pull_requests = true
        10:1: unknown key `max_deletes`; did you mean `max-deletes`?
            max_deletes = 5
        10:1: unknown key `cloudfront`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            cloudfront = "E123"
        2:1: unknown key `comand`; did you mean `command`?
            comand = ["make"]
        2:1: unknown key `shell`; known here: command, env, output
            shell = ["make"]
        1:1: unknown key `kep`; did you mean `keep`?
            kep = ["a"]
        1:1: unknown key `version`; known here: build, environments, headers, keep, exclude, publish, retain, website
            version = 1
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { access_key_id = "A", secret-access-key = "B" }
        10:17: unknown key `access_key_id`; did you mean `access-key-id`?
            credentials = { access_key_id = "A", secret-access-key = "B" }
        10:1: unknown key ``; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            "" = 1
    "#]].assert_eq(&table([
        ("branches =", "branch ="),
        ("region =", "Region ="),
        ("", "pull_requests = true"),
        ("", "max_deletes = 5"),
        ("", "cloudfront = \"E123\""),
        ("command =", "comand ="),
        ("command =", "shell ="),
        ("[build]", "kep = [\"a\"]\n[build]"),
        ("[build]", "version = 1\n[build]"),
        ("", r#"credentials = { access_key_id = "A", secret-access-key = "B" }"#),
        ("", "\"\" = 1"),
    ]));
}

#[test]
fn a_build_that_cannot_be_run_is_a_problem() {
    expect![[r#"
        2:11: a command needs a program; leave it out when the output is already there
            command = []
        2:11: a command needs a program; leave it out when the output is already there
            command = [""]
        2:11: this must be a list of strings, such as ["hugo", "--minify"]
            command = "make"
        2:20: this must be a string in quotes, but is of type integer
            command = ["make", 1]
        2:11: this must be a list of strings, such as ["hugo", "--minify"]
            command = true
        1:1: `output` is missing
            [build]
        3:10: `output` must be a folder of its own: move the pages into one, such as "public", or let `command` copy them there
            output = ".."
        3:10: `output` must be a folder of its own: move the pages into one, such as "public", or let `command` copy them there
            output = "../.."
        3:10: `output` must be a folder relative to the site's folder, such as "public" or "../dist"
            output = "../x/../y"
        3:10: `output` must be a folder relative to the site's folder, such as "public" or "../dist"
            output = "a/../../x"
        3:10: `output` must be a folder relative to the site's folder, such as "public" or "../dist"
            output = "/abs"
        3:10: `output` must be a folder of its own: move the pages into one, such as "public", or let `command` copy them there
            output = "."
        3:10: `output` must be a folder of its own: move the pages into one, such as "public", or let `command` copy them there
            output = ""
        3:10: `output` must be a folder relative to the site's folder, such as "public" or "../dist"
            output = "./public"
        3:10: this must be a string in quotes, but is of type integer
            output = 1
        3:10: this must be a string in quotes, but is of type array
            output = ["public"]
    "#]]
    .assert_eq(&table([
        (r#"["make"]"#, "[]"),
        (r#"["make"]"#, r#"[""]"#),
        (r#"["make"]"#, r#""make""#),
        (r#"["make"]"#, r#"["make", 1]"#),
        (r#"["make"]"#, "true"),
        ("output = \"public\"\n", ""),
        (r#""public""#, r#""..""#),
        (r#""public""#, r#""../..""#),
        (r#""public""#, r#""../x/../y""#),
        (r#""public""#, r#""a/../../x""#),
        (r#""public""#, r#""/abs""#),
        (r#""public""#, r#"".""#),
        (r#""public""#, r#""""#),
        (r#""public""#, r#""./public""#),
        (r#""public""#, "1"),
        (r#""public""#, r#"["public"]"#),
    ]));
}

#[test]
fn the_output_may_be_beside_the_folders_above_the_site() {
    for (output, folder) in [
        ("public", "/repository/site/public"),
        ("a/b", "/repository/site/a/b"),
        ("../dist", "/repository/dist"),
        ("../../elsewhere/x", "/elsewhere/x"),
    ] {
        let config = parse(&changed("\"public\"", &format!("{output:?}"))).unwrap();
        assert_eq!(config.output_folder(), Path::new(folder), "{output}");
    }
}

#[test]
fn a_variable_that_the_generator_gets_is_no_credential_of_an_environment() {
    let line = |value: &str| format!("[build]\nenv = {value}\n");
    let rows = [
        "\"MY_AWS_NAME\"",
        "[\"\"]",
        "[1]",
        "[\"STAGING_AWS_SECRET_ACCESS_KEY\"]",
        "[\"staging_aws_session_token\"]",
        "[\"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"]",
    ]
    .map(line);
    expect![[r#"
        2:7: this must be a list of strings, such as ["MY_AWS_NAME"]
            env = "MY_AWS_NAME"
        2:8: this must be the name of an environment variable
            env = [""]
        2:8: this must be a string in quotes, but is of type integer
            env = [1]
        2:8: `staging` takes its credentials from `STAGING_AWS_SECRET_ACCESS_KEY`, so the generator never gets it
            env = ["STAGING_AWS_SECRET_ACCESS_KEY"]
        2:8: `staging` takes its credentials from `staging_aws_session_token`, so the generator never gets it
            env = ["staging_aws_session_token"]
        2:8: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            env = ["****"]
    "#]].assert_eq(&table(rows.iter().map(|line| ("[build]\n", line.as_str()))));

    let ambient = |name: &str| {
        let text = changed("[build]\n", &line(&format!("[{name:?}]")));
        problems(&format!("{text}credentials = \"ambient\"\n"))
    };
    assert!(ambient("AWS_SECRET_ACCESS_KEY").contains("so the generator never gets it"));
    assert_eq!(ambient("AWS_PAGER"), "NO PROBLEM");
    assert_eq!(
        config(&changed("[build]\n", &line("[\"MY_AWS_NAME\"]"))).build_env,
        ["MY_AWS_NAME"]
    );
}

#[test]
fn a_name_of_an_environment_is_a_plain_word() {
    expect![[r#"
        5:15: an environment's name may have only letters, digits, `-` and `_`
            [environments."stg/x"]
        5:15: an environment's name may have only letters, digits, `-` and `_`
            [environments."a b"]
        5:15: an environment's name may have only letters, digits, `-` and `_`
            [environments.""]
        5:15: `bucket` is missing
            [environments.stag.ing]
        5:15: `[environments.stag]` lacks `account`, the twelve digits of the AWS account that it may write to
            [environments.stag.ing]
        5:15: `[environments.stag]` lacks `region`, such as "eu-central-1"
            [environments.stag.ing]
        5:15: `[environments.stag]` lacks `branches`, such as ["main"]
            [environments.stag.ing]
        5:20: unknown key `ing`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            [environments.stag.ing]
        5:15: an environment's name may have only letters, digits, `-` and `_`
            [environments."größe"]
    "#]].assert_eq(&table([
        ("environments.staging", r#"environments."stg/x""#),
        ("environments.staging", r#"environments."a b""#),
        ("environments.staging", r#"environments."""#),
        ("environments.staging", r#"environments.stag.ing"#),
        ("environments.staging", r#"environments."größe""#),
    ]));
}

#[test]
fn an_environment_that_lacks_something_says_what() {
    expect![[r#"
        5:15: `[environments.staging]` lacks `branches`, such as ["main"]
            [environments.staging]
        5:15: `[environments.staging]` lacks `account`, the twelve digits of the AWS account that it may write to
            [environments.staging]
        5:15: `[environments.staging]` lacks `region`, such as "eu-central-1"
            [environments.staging]
        5:15: `bucket` is missing
            [environments.staging]
        10:15: `bucket` is missing
            [environments.production]
        10:15: `[environments.production]` lacks `account`, the twelve digits of the AWS account that it may write to
            [environments.production]
        10:15: `[environments.production]` lacks `region`, such as "eu-central-1"
            [environments.production]
        10:15: `[environments.production]` lacks `branches`, such as ["main"]
            [environments.production]
    "#]].assert_eq(&table([
        ("branches = [\"staging\"]\n", ""),
        ("account = \"222222222222\"\n", ""),
        ("region = \"eu-central-1\"\n", ""),
        ("bucket = \"stg.example.com\"\n", ""),
        ("", "[environments.production]"),
    ]));
}

#[test]
fn a_value_of_an_environment_that_cannot_be_is_a_problem() {
    expect![[r#"
        7:11: `account` must be in quotes: an account's number may begin with 0
            account = 222222222222
        7:11: `account` must be the twelve digits of an AWS account
            account = "22222222222"
        7:11: `account` must be the twelve digits of an AWS account, without the hyphens
            account = "2222-2222-2222"
        7:11: `account` is not filled in: the twelve digits that `aws sts get-caller-identity` prints; until then, only --local and preview work
            account = ""
        7:11: this must be a string in quotes, but is of type boolean
            account = true
        8:10: `region` is not filled in: the region of the bucket, such as "eu-central-1"; until then, only --local and preview work
            region = ""
        8:10: `region` must be a region's name, such as "eu-central-1"
            region = "eu central 1"
        8:10: this must be a string in quotes, but is of type integer
            region = 1
        9:10: `bucket` must be a bucket's name: 3 to 63 lower-case letters, digits, `-` and `.` (no s3://, no folder)
            bucket = "s3://stg.example.com/"
        9:10: `bucket` must be a bucket's name: 3 to 63 lower-case letters, digits, `-` and `.` (no s3://, no folder)
            bucket = "Stg"
        9:10: `bucket` must be a bucket's name: 3 to 63 lower-case letters, digits, `-` and `.` (no s3://, no folder)
            bucket = "ab"
        9:10: `bucket` is not filled in: the name of the bucket; until then, only --local and preview work
            bucket = ""
        9:10: this must be a string in quotes, but is of type array
            bucket = []
        10:15: this must be a whole number, 0 or more
            max-deletes = -1
        10:15: this must be a whole number, 0 or more
            max-deletes = 1.5
        10:15: this must be a whole number, 0 or more
            max-deletes = "5"
        10:15: this must be a whole number, 0 or more
            max-deletes = 99999999999999999999
        10:10: this must be a string in quotes, but is of type integer
            retain = 7
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "7"
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "d"
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "+7d"
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "7 days"
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "99999999999999999999d"
        10:10: this must be a time, such as "7d", "12h" or "30m"
            retain = "9999999999999999999w"
        10:17: this must be true or false
            pull-requests = "yes"
        10:17: this must be true or false
            pull-requests = 1
    "#]].assert_eq(&table([
        (r#""222222222222""#, "222222222222"),
        (r#""222222222222""#, r#""22222222222""#),
        (r#""222222222222""#, r#""2222-2222-2222""#),
        (r#""222222222222""#, r#""""#),
        (r#""222222222222""#, "true"),
        (r#""eu-central-1""#, r#""""#),
        (r#""eu-central-1""#, r#""eu central 1""#),
        (r#""eu-central-1""#, "1"),
        (r#""stg.example.com""#, r#""s3://stg.example.com/""#),
        (r#""stg.example.com""#, r#""Stg""#),
        (r#""stg.example.com""#, r#""ab""#),
        (r#""stg.example.com""#, r#""""#),
        (r#""stg.example.com""#, "[]"),
        ("", r#"max-deletes = -1"#),
        ("", r#"max-deletes = 1.5"#),
        ("", r#"max-deletes = "5""#),
        ("", r#"max-deletes = 99999999999999999999"#),
        ("", r#"retain = 7"#),
        ("", r#"retain = "7""#),
        ("", r#"retain = "d""#),
        ("", r#"retain = "+7d""#),
        ("", r#"retain = "7 days""#),
        ("", r#"retain = "99999999999999999999d""#),
        ("", r#"retain = "9999999999999999999w""#),
        ("", r#"pull-requests = "yes""#),
        ("", r#"pull-requests = 1"#),
    ]));
}

#[test]
fn a_prefix_is_a_folder_of_the_bucket() {
    expect![[r#"
        10:10: `prefix` has an empty segment; it is a folder in the bucket, such as "docs/"
            prefix = "/docs"
        10:10: `prefix` has an empty segment; it is a folder in the bucket, such as "docs/"
            prefix = "docs//a/"
        10:10: `prefix` has the segment `..`; it is a folder in the bucket, such as "docs/"
            prefix = "../docs/"
        10:10: `prefix` has the segment `.`; it is a folder in the bucket, such as "docs/"
            prefix = "./"
        10:10: `prefix` has an empty segment; it is a folder in the bucket, such as "docs/"
            prefix = "/"
        10:10: `prefix` has the segment `.xtask`, which is this tool's own; it is a folder in the bucket, such as "docs/"
            prefix = ".xtask/"
        10:10: a control character is not allowed here
            prefix = "a\nb"
        10:10: only `{branch}` is allowed in braces
            prefix = "{brnch}/"
        10:10: only `{branch}` is allowed in braces
            prefix = "{branch/"
        10:10: only `{branch}` is allowed in braces
            prefix = "{BRANCH}/"
        10:10: this must be a string in quotes, but is of type integer
            prefix = 1
    "#]].assert_eq(&table([
        ("", r#"prefix = "/docs""#),
        ("", r#"prefix = "docs//a/""#),
        ("", r#"prefix = "../docs/""#),
        ("", r#"prefix = "./""#),
        ("", r#"prefix = "/""#),
        ("", r#"prefix = ".xtask/""#),
        ("", r#"prefix = "a\nb""#),
        ("", r#"prefix = "{brnch}/""#),
        ("", r#"prefix = "{branch/""#),
        ("", r#"prefix = "{BRANCH}/""#),
        ("", r#"prefix = 1"#),
    ]));
}

#[test]
fn an_address_begins_with_https_and_holds_no_password() {
    expect![[r#"
        10:12: this must be an address that begins with https:// or http://
            endpoint = "localhost:9000"
        10:12: this must be an address that begins with https:// or http://
            endpoint = "s3://stg"
        10:12: this must be an address that begins with https:// or http://
            endpoint = "https://"
        10:12: this must be an address that begins with https:// or http://
            endpoint = "https:///a"
        10:12: this must be an address that begins with https:// or http://
            endpoint = "https://a b/"
        10:12: this must be a string in quotes, but is of type integer
            endpoint = 9000
        10:7: this must be an address that begins with https:// or http://
            url = "example.com"
        10:7: this must be a string in quotes, but is of type boolean
            url = true
    "#]]
    .assert_eq(&table([
        ("", r#"endpoint = "localhost:9000""#),
        ("", r#"endpoint = "s3://stg""#),
        ("", r#"endpoint = "https://""#),
        ("", r#"endpoint = "https:///a""#),
        ("", r#"endpoint = "https://a b/""#),
        ("", r#"endpoint = 9000"#),
        ("", r#"url = "example.com""#),
        ("", r#"url = true"#),
    ]));
    for key in ["endpoint", "url"] {
        for address in [
            "https://me:hunter2@example.com/",
            "http://hunter2@example.com",
            "https://:hunter2@a:1/b",
        ] {
            let text = problems(&changed("", &format!("{key} = \"{address}\"")));
            assert!(text.contains("an address must not contain a user or a password"), "{text}");
        }
    }
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    for key in ["endpoint", "url"] {
        let text = problems(&changed("", &format!("{key} = \"https://me:hunter2@example.com/\"")));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// A profile's name is printed later by a program that refuses it.
#[test]
fn a_credential_in_place_of_a_profile_is_a_problem() {
    for value in [ID, SECRET] {
        let text = problems(&changed("", &format!("credentials = {{ profile = \"{value}\" }}")));
        assert!(text.contains("looks like a credential") && !text.contains(value), "{text}");
    }
}

#[test]
fn every_credential_of_an_environment_is_shown_at_once() {
    let line = format!(
        r#"credentials = {{ access-key-id = "{ID}", secret-access-key = "{SECRET}", session-token = "a b" }}"#
    );
    assert_eq!(table([("", line.as_str())]).lines().count(), 6);
}

#[test]
fn one_mistake_is_one_problem() {
    for (from, to) in [(r#"["make"]"#, r#""make""#), ("[\"staging\"]", "[\"staging\"")] {
        assert!(problems(&changed(from, to)).contains("has a problem"), "{to}");
    }
}

#[test]
fn a_branch_goes_to_one_environment() {
    let other = r#"
[environments.production]
branches = ["staging"]
account = "111111111111"
region = "eu-central-1"
bucket = "example.com"
"#;
    expect![[r#"
        12:13: branch `staging` is already in `branches` of `staging`; a branch goes to one environment
            branches = ["staging"]
        6:24: branch `staging` is listed twice
            branches = ["staging", "staging"]
        6:12: this must be a list of strings, such as ["main"]
            branches = "staging"
        6:13: this must be a string in quotes, but is of type integer
            branches = [1]
        6:13: this must be a string in quotes, but is of type array
            branches = [["staging"]]
        6:13: a branch's name cannot be empty
            branches = [""]
        6:13: this is not a glob: unclosed character class; missing ']'
            branches = ["feature/["]
        6:13: this is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
            branches = ["{a,b"]
        6:19: this is not a glob: unopened alternate group; missing '{' (maybe escape '}' with '[}]'?)
            branches = ["a}", "{b}}", "[z-a]"]
        6:27: this is not a glob: invalid range; 'z' > 'a'
            branches = ["a}", "{b}}", "[z-a]"]
        6:13: this is not a glob: dangling '\'
            branches = ["a\\"]
    "#]].assert_eq(&table([
        ("", other),
        (r#"["staging"]"#, r#"["staging", "staging"]"#),
        (r#"["staging"]"#, r#""staging""#),
        (r#"["staging"]"#, "[1]"),
        (r#"["staging"]"#, r#"[["staging"]]"#),
        (r#"["staging"]"#, r#"[""]"#),
        (r#"["staging"]"#, r#"["feature/["]"#),
        (r#"["staging"]"#, r#"["{a,b"]"#),
        (r#"["staging"]"#, r#"["a}", "{b}}", "[z-a]"]"#),
        (r#"["staging"]"#, r#"["a\\"]"#),
    ]));
}

#[test]
fn two_environments_never_delete_each_others_objects() {
    let rows = [
        ("both at the root", "", ""),
        ("the same folder", r#"prefix = "a""#, r#"prefix = "a/""#),
        ("a folder for each branch, and the root", "", r#"prefix = "{branch}/""#),
        ("one above the other", "", r#"prefix = "docs/""#),
        ("a folder for each branch of both", r#"prefix = "{branch}/""#, r#"prefix = "{branch}/""#),
        ("folders for branches, apart", r#"prefix = "a/{branch}/""#, r#"prefix = "b/{branch}/""#),
        ("two stores", "", r#"endpoint = "http://127.0.0.1:9000""#),
    ];
    let shown = rows.map(|(why, ours, theirs)| {
        let other = r#"
[environments.production]
branches = ["main"]
account = "222222222222"
region = "eu-central-1"
bucket = "stg.example.com"
"#;
        format!("{why}: {}\n", problems(&changed("", &format!("{ours}\n{other}{theirs}"))))
    });
    expect![[r#"
        both at the root: `site/deploy.toml` has a problem

          site/deploy.toml:12:15: `staging` and `production` share the bucket `stg.example.com` and would delete each other's objects; give each a `prefix` of its own
            [environments.production]
        the same folder: `site/deploy.toml` has a problem

          site/deploy.toml:12:15: `staging` and `production` share the bucket `stg.example.com` and would delete each other's objects; give each a `prefix` of its own
            [environments.production]
        a folder for each branch, and the root: `site/deploy.toml` has a problem

          site/deploy.toml:12:15: `staging` and `production` share the bucket `stg.example.com` and would delete each other's objects; give each a `prefix` of its own
            [environments.production]
        one above the other: NO PROBLEM
        a folder for each branch of both: NO PROBLEM
        folders for branches, apart: NO PROBLEM
        two stores: NO PROBLEM
    "#]].assert_eq(&shown.concat());
}

#[test]
fn one_environment_takes_pull_requests() {
    let other = r#"pull-requests = true
[environments.production]
pull-requests = true
account = "111111111111"
region = "eu-central-1"
bucket = "example.com"
"#;
    expect![[r#"
        11:15: `staging` and `production` both deploy pull requests; only one environment may
            [environments.production]
    "#]]
    .assert_eq(&table([("", other)]));
}

#[test]
fn the_website_has_its_usual_documents_or_others() {
    let website = |lines: &str| config(&changed("", lines)).website;
    assert_eq!(website(""), Website { index: "index.html".into(), error: "404.html".into() });
    let others = "[website]\nindex = \"home.htm\"\nerror = \"errors/missing.html\"";
    let expected = Website { index: "home.htm".into(), error: "errors/missing.html".into() };
    assert_eq!(website(others), expected);
    let table_of = |line: &str| format!("[website]\n{line}");
    let rows = [
        table_of("index = \"docs/index.html\""),
        table_of("index = \"\""),
        table_of("index = 1"),
        table_of("error = \"/404.html\""),
        table_of("error = \"errors/\""),
        table_of("errors = \"404.html\""),
        "website = true".into(),
    ];
    expect![[r#"
        11:9: `index` is a name in each folder, such as "index.html"
            index = "docs/index.html"
        11:9: `index` is a name in each folder, such as "index.html"
            index = ""
        11:9: this must be a string in quotes, but is of type integer
            index = 1
        11:9: `error` is the key of a document, such as "404.html"
            error = "/404.html"
        11:9: `error` is the key of a document, such as "404.html"
            error = "errors/"
        11:1: unknown key `errors`; did you mean `error`?
            errors = "404.html"
        10:1: unknown key `website`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            website = true
    "#]].assert_eq(&table(rows.iter().map(|row| ("", row.as_str()))));
}

#[test]
fn a_rule_for_headers_that_cannot_be_is_a_problem() {
    let rule = |line: &str| format!("[[headers]]\nmatch = \"**\"\n{line}");
    let rows = [
        rule("cache-contol = \"no-cache\""),
        rule("x-frame-options = \"DENY\""),
        rule("x-amz-meta- = \"a\""),
        rule("\"x-amz-meta-a b\" = \"a\""),
        rule("cache-control = \"\""),
        rule("cache-control = \" no-cache\""),
        rule("cache-control = \"no-cache\\r\\nX-Evil: 1\""),
        rule("content-disposition = \"größe\""),
        rule("cache-control = 60"),
        rule("expires = \"tomorrow\""),
        rule("expires = 2026-10-21"),
        rule("x-amz-website-redirect-location = \"new.html\""),
        rule("content-encoding = \"gzipp\""),
        rule("content-encoding = \"UTF-8\""),
        rule("content-encoding = \"utf8\""),
        rule("content-encoding = \"none\""),
        rule("content-encoding = \"brotli\""),
        rule("content-encoding = \"aws-chunked\""),
        rule("content-encoding = \"gzip,\""),
        rule("content-encoding = \"gzip br\""),
        rule("content-encoding = \"base64\""),
        rule("match = \"**\""),
        "[[headers]]\ncache-control = \"no-cache\"".into(),
        "[[headers]]\nmatch = \"a[\"".into(),
        "[[headers]]\nmatch = [\"a\"]".into(),
        "[headers]\nmatch = \"**\"".into(),
        "[headers.\"**\"]\ncache-control = \"no-cache\"".into(),
    ];
    expect![[r#"
        12:1: `cache-contol` is not a header that S3 stores; did you mean `cache-control`?
            cache-contol = "no-cache"
        12:1: `x-frame-options` is not a header that S3 stores; it stores cache-control, content-disposition, content-encoding, content-language, content-type, expires, x-amz-website-redirect-location and x-amz-meta-*
            x-frame-options = "DENY"
        12:1: `x-amz-meta-` is not a header that S3 stores; it stores cache-control, content-disposition, content-encoding, content-language, content-type, expires, x-amz-website-redirect-location and x-amz-meta-*
            x-amz-meta- = "a"
        12:1: `x-amz-meta-a b` is not a header that S3 stores; it stores cache-control, content-disposition, content-encoding, content-language, content-type, expires, x-amz-website-redirect-location and x-amz-meta-*
            "x-amz-meta-a b" = "a"
        12:17: a header's value is printable ASCII without spaces around it
            cache-control = ""
        12:17: a header's value is printable ASCII without spaces around it
            cache-control = " no-cache"
        12:17: a header's value is printable ASCII without spaces around it
            cache-control = "no-cache\r\nX-Evil: 1"
        12:23: a header's value is printable ASCII without spaces around it
            content-disposition = "größe"
        12:17: this must be a string in quotes, but is of type integer
            cache-control = 60
        12:11: `expires` is a date such as "Wed, 21 Oct 2026 07:28:00 GMT"
            expires = "tomorrow"
        12:11: this must be a string in quotes, but is of type datetime
            expires = 2026-10-21
        12:35: a redirect leads to a path such as "/new/" or to an http address, of at most 2 KB
            x-amz-website-redirect-location = "new.html"
        12:20: `gzipp` is not an encoding that browsers know; did you mean `gzip`?
            content-encoding = "gzipp"
        12:20: `UTF-8` is not an encoding that browsers know; a character set belongs in `content-type`: "text/html; charset=utf-8"
            content-encoding = "UTF-8"
        12:20: `utf8` is not an encoding that browsers know; a character set belongs in `content-type`: "text/html; charset=utf-8"
            content-encoding = "utf8"
        12:20: `none` is not an encoding that browsers know; leave it out if the files are not compressed
            content-encoding = "none"
        12:20: `brotli` is not an encoding that browsers know; did you mean `br`?
            content-encoding = "brotli"
        12:20: `aws-chunked` is not an encoding that browsers know; it is one of gzip, br, zstd, deflate, compress, identity, or several with commas between
            content-encoding = "aws-chunked"
        12:20: an encoding is missing before or after a comma
            content-encoding = "gzip,"
        12:20: `gzip br` is not an encoding that browsers know; it is one of gzip, br, zstd, deflate, compress, identity, or several with commas between
            content-encoding = "gzip br"
        12:20: `base64` is not an encoding that browsers know; it is one of gzip, br, zstd, deflate, compress, identity, or several with commas between
            content-encoding = "base64"
        12:1: duplicate key
            match = "**"
        10:1: a [[headers]] rule lacks `match`, a glob such as "**/*.css"
            [[headers]]
        11:9: this is not a glob: unclosed character class; missing ']'
            match = "a["
        11:9: this must be a string in quotes, but is of type array
            match = ["a"]
        10:1: `headers` must be tables: [[headers]]
            [headers]
        10:2: `headers` must be tables: [[headers]]
            [headers."**"]
    "#]].assert_eq(&table(rows.iter().map(|row| ("", row.as_str()))));
    let top = |line: &str| changed("[build]", &format!("{line}\n[build]"));
    expect![[r#"
        `site/deploy.toml` has a problem

          site/deploy.toml:1:12: `headers` must be tables: [[headers]]
            headers = [1]
        `site/deploy.toml` has a problem

          site/deploy.toml:1:11: `headers` must be tables: [[headers]]
            headers = 1
        `site/deploy.toml` has a problem

          site/deploy.toml:1:8: this must be a list of strings, such as ["uploads/**"]
            keep = "a"
        `site/deploy.toml` has a problem

          site/deploy.toml:1:9: this must be a string in quotes, but is of type integer
            keep = [1]
        `site/deploy.toml` has a problem

          site/deploy.toml:1:9: this is not a glob: unclosed character class; missing ']'
            keep = ["a["]
    "#]]
    .assert_eq(
        &["headers = [1]", "headers = 1", "keep = \"a\"", "keep = [1]", "keep = [\"a[\"]"]
            .map(|line| problems(&top(line)) + "\n")
            .concat(),
    );
}

#[test]
fn credentials_are_named_in_one_of_three_ways() {
    expect![[r#"
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = "****"
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = true
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = {}
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { access-key-id = "ID" }
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { secret-access-key = "SECRET" }
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { profile = "****", access-key-id = "ID", secret-access-key = "S" }
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { profile = "****", session-token = "T" }
        10:27: this must be a string in quotes, but is of type integer
            credentials = { profile = **** }
        10:33: this must be the name of an environment variable
            credentials = { access-key-id = "", secret-access-key = "SECRET" }
        10:33: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "****" }
        10:62: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "****" }
        10:33: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "SECRET" }
        10:33: this must be a string in quotes, but is of type integer
            credentials = { access-key-id = ****, secret-access-key = ["SECRET"] }
        10:56: this must be a string in quotes, but is of type array
            credentials = { access-key-id = ****, secret-access-key = ["SECRET"] }
    "#]].assert_eq(&table([
        ("", r#"credentials = "default""#),
        ("", r#"credentials = true"#),
        ("", r#"credentials = {}"#),
        ("", r#"credentials = { access-key-id = "ID" }"#),
        ("", r#"credentials = { secret-access-key = "SECRET" }"#),
        ("", r#"credentials = { profile = "a", access-key-id = "ID", secret-access-key = "S" }"#),
        ("", r#"credentials = { profile = "a", session-token = "T" }"#),
        ("", r#"credentials = { profile = 1 }"#),
        ("", r#"credentials = { access-key-id = "", secret-access-key = "SECRET" }"#),
        ("", r#"credentials = { access-key-id = "MY-ID", secret-access-key = "$SECRET" }"#),
        ("", r#"credentials = { access-key-id = "1D", secret-access-key = "SECRET" }"#),
        ("", r#"credentials = { access-key-id = 1, secret-access-key = ["SECRET"] }"#),
    ]));
}

#[test]
fn a_credential_itself_is_a_problem_that_does_not_repeat_it() {
    let token = "FwoGZXIvYXdzEBYaDH4xample".repeat(12) + "==";
    expect![[r#"
        10:33: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "S" }
        10:58: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "I", secret-access-key = "****" }
        10:33: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "****", session-token = "****" }
        10:77: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "****", session-token = "****" }
        10:137: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { access-key-id = "****", secret-access-key = "****", session-token = "****" }
        10:15: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = "****"
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = ["****", "****"]
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { **** = "****" }
        10:17: unknown key `****`; known here: profile, access-key-id, secret-access-key, session-token
            credentials = { **** = "****" }
        10:15: `credentials` must be { access-key-id = "VARIABLE", secret-access-key = "VARIABLE" }, { profile = "NAME" } or "ambient"
            credentials = { "****" = "****" }
        10:17: unknown key `****`; known here: profile, access-key-id, secret-access-key, session-token
            credentials = { "****" = "****" }
        10:33: string values must be quoted, expected literal string; a value is a text in straight quotes, a number, true or false, or a list of these
            credentials = { access-key-id = ****, secret-access-key = **** }
        10:1: unknown key `aws_secret_access_key`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            aws_secret_access_key = "****"
        10:37: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { secret-access-key = "****", access-key-id = "ID" }
    "#]].assert_eq(&table([
        ("", format!(r#"credentials = {{ access-key-id = "{ID}", secret-access-key = "S" }}"#).as_str()),
        ("", &format!(r#"credentials = {{ access-key-id = "I", secret-access-key = "{SECRET}" }}"#)),
        ("", &format!(r#"credentials = {{ access-key-id = "{ID}", secret-access-key = "{SECRET}", session-token = "{token}" }}"#)),
        ("", &format!(r#"credentials = "{SECRET}""#)),
        ("", &format!(r#"credentials = ["{ID}", "{SECRET}"]"#)),
        ("", &format!(r#"credentials = {{ {ID} = "{SECRET}" }}"#)),
        ("", &format!(r#"credentials = {{ "{SECRET}" = "{ID}" }}"#)),
        ("", &format!(r#"credentials = {{ access-key-id = {ID}, secret-access-key = {SECRET} }}"#)),
        ("", &format!(r#"aws_secret_access_key = "{SECRET}""#)),
        ("", &format!(r#"credentials = {{ secret-access-key = "AWS_SECRET={SECRET}", access-key-id = "ID" }}"#)),
    ]));
}

/// In place of another value, in the middle of a line with a problem, or with broken quotes around it.
#[test]
fn a_credential_is_printed_from_no_position() {
    let no_slash = "wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY";
    let sixteen = "AKIAIOSFODNN7EXA";
    let temporary = "ASIAIOSFODNN7EXAMPLE";
    for value in [ID, SECRET, no_slash, sixteen, temporary, "0123456789abcdef0123456789abcdef"] {
        for line in [
            "credentials = { access-key-id = \"@\", secret-access-key = \"B\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"@\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"B\", session-token = \"@\" }",
            "credentials = { access-key-id = \"@\" }",
            "credentials = { profile = \"@\", session-token = \"T\" }",
            "credentials = \"@\"",
            "credentials = [\"@\"]",
            "credentials = { \"@\" = 1 }",
            "credentials = { @ = 1 }",
            "credentials = { access-key-id = \"@ }",
            "credentials = { access-key-id = @ }",
            "credentials = { access-key-id = '@\", secret-access-key = \"B\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"\\@\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \" @ \" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"$@\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"SECRET=@\" }",
            "credentials = { access-key-id = \"A\", secret-access-key = \"@\", x = 1 }",
            "[environments.staging.credentials]\nsecret-access-key = \"@\"",
            "access-key-id = \"@\"",
            "[environments.staging.\"@\"]",
            "@",
            "@ = 1",
            "\"@\" = 1",
        ] {
            let text = problems(&changed("", &line.replace('@', value)));
            assert!(!text.contains(value) && text != "NO PROBLEM", "{line}\n{text}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Path::new("site");
    let text = |error| match error {
        Err(Error::Config(text)) => text,
        other => panic!("{other:?}"),
    };
    let missing = text(Config::read(folder.path(), shown));
    std::fs::write(folder.path().join(FILE), b"# gr\xf6\xdfe\n").unwrap();
    let not_utf8 = text(Config::read(folder.path(), shown));
    expect![[r#"
        failed to read `site/deploy.toml`
          No such file or directory (os error 2)

        hint: write it there, or name the folder that has one: --site DIR

        failed to read `site/deploy.toml`
          stream did not contain valid UTF-8

        hint: it must be a readable file of UTF-8 text, of 1 MiB at most"#]]
    .assert_eq(&format!("{missing}\n\n{not_utf8}"));
}

/// Credentials of other stores, none of which has the form of an AWS credential.
const OTHERS: [&str; 10] = [
    "K005GnGgmUbw6Sy7k1u0lFKVQJ4lqvA",
    "7d37d093435a41f2aab8f13c19ba067d9776c90215f56614adad6ece597dbb34",
    "minioadmin",
    "tbQ-9aXn_U3vKd7-WmZ1c_Yp5RtEo8LhGj2s-QfB6iA",
    "x_wJalrXUtnFEMIXK7MDENGXbPxRfiCYEXAMPLEKEY",
    "x_0123456789abcdef0123456789abcdef01234567",
    "550e8400-e29b-41d4-a716-446655440000",
    "GK31c2f218a2e44f485b94239e",
    "Q3AM3UQ867SPQQA43P2F",
    "correct horse battery staple",
];

#[test]
fn only_what_is_written_as_variables_are_names_one() {
    let line = |value: &str| {
        format!("credentials = {{ access-key-id = \"A\", secret-access-key = \"{value}\" }}")
    };
    for name in ["STGAWSKEY", "AWS_ACCESS_KEY_ID", "stg_aws_key", "TF_VAR_key", "_KEY2", "A"] {
        let environment = config(&changed("", &line(name))).environments.remove(0);
        assert_eq!(environment.variables(), ["A", name]);
    }
    for value in OTHERS {
        let text = problems(&changed("", &line(value)));
        assert!(text.contains("looks like a credential") && !text.contains(value), "{text}");
    }
    for value in
        ["awsKey", "Aws_Key", "key", "MY-ID", "$SECRET", "1D", "${SECRET}", " KEY", "KEY\\n"]
    {
        let text = problems(&changed("", &line(value)));
        assert!(text.contains("looks like a credential"), "{text}");
        assert!(text.ends_with("secret-access-key = \"****\" }"), "{text}");
    }
}

/// A password has no recognisable form, so only names are shown where a password belongs.
#[test]
fn a_password_is_printed_from_no_line_of_credentials() {
    for line in [
        "credentials = \"@\"",
        "credentials = [\"@\"]",
        "credentials = { access-key-id = \"@\", secret-access-key = \"@\" }",
        "credentials = { access-key-id = \"A\", secret-access-key = \"\\u0041@\" }",
        "credentials = { access-key-id = \"A\", secret-access-key = \"\"\"@\"\"\" }",
        "credentials = { access-key-id = \"A\", secret-access-key = '''@''' }",
        "credentials = { access-key-id = \"A\", secret-access-key = '@\", x = \"B\" }",
        "credentials = { access-key-id = \"A\", secret-access-key = @ }",
        "credentials = { access-key-id = \"A\", secret-access-key = @= }",
        "credentials = { access-key-id = \"A\", secret-access-key @ = 1 }",
        "credentials = { access-key-id = \"A\", secret-access-key = \"@ }",
        "credentials = { access-key-id = \"A\", secret-access-key = \"A\"@\" }",
        "credentials = { profile = 1 } # @",
        "[environments.staging.credentials]\naccess-key-id = 1\nx = \"@\"",
        "[environments.staging.credentials]\nsecret-access-key = \"\"\"\n@\\q\"\"\"",
        "[environments.staging.credentials]\nsecret-access-key = \"\"\"\n@",
        "secret-access-key = \"\"\"\n\n@\\q\"\"\"",
        "secret-access-key: @",
        "password = \"@\"",
        "AWS_KEY = \"@\"",
    ] {
        let text = problems(&changed("", &line.replace('@', "hunter2")));
        assert!(!text.contains("hunter2") && text != "NO PROBLEM", "{line}\n{text}");
    }
}

#[test]
fn a_credential_is_printed_from_no_name() {
    let backblaze = OTHERS[0];
    for value in [SECRET, ID, backblaze, OTHERS[3], OTHERS[4], OTHERS[5], OTHERS[6]] {
        for (from, to) in [
            ("environments.staging", "environments.\"@\"".to_owned()),
            ("environments.staging", "environments.\"a b.@\"".to_owned()),
            ("[\"staging\"]", "[\"@\", \"@\"]".to_owned()),
            ("[\"staging\"]", "[\"\\u0040@\", \"\\u0040@\"]".to_owned()),
            ("", "[[headers]]\nmatch = \"**\"\n\"@\" = \"a\"".to_owned()),
            ("", "[[headers]]\nmatch = \"/@\"\ncache-control = \"a\"".to_owned()),
            ("", "\"AWS_SECRET_ACCESS_KEY=@\" = 1".to_owned()),
            ("", "\"secret @\" = 1".to_owned()),
            ("", "\"x @/+\" = 1".to_owned()),
            ("", "bucket = \"@\"".to_owned()),
            ("", "prefix = \"{@}\"".to_owned()),
            ("", "max-deletes = \"@".to_owned()),
            ("", "max-deletes = \"\"\"@\n\"\"\"".to_owned()),
            ("", "credentials = { profile = \"\"\"\n@\n\"\"\" }".to_owned()),
        ] {
            let text = problems(&changed(from, &to.replace('@', value)));
            assert!(!text.contains(value) && text != "NO PROBLEM", "{to}\n{text}");
        }
    }
    let escaped = "wJalrX\\u0055tnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let text = problems(&changed("", &format!("\"{escaped}\" = 1")));
    assert!(!text.contains("wJalr"), "{text}");
    let whole: String = ID.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    let text = problems(&changed("", &format!("max-deletes = \"{whole}\"")));
    assert!(!text.contains("\\u00"), "{text}");
}

#[test]
fn what_is_no_credential_is_shown_as_it_is() {
    expect![[r#"
        6:44: branch `feature/JIRA-1234-Fix-Login` is listed twice
            branches = ["feature/JIRA-1234-Fix-Login", "feature/JIRA-1234-Fix-Login"]
        10:1: unknown key `x-really-quite-a-long-name-of-many-words`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            "x-really-quite-a-long-name-of-many-words" = "assets/images/photographs/large/first"
        10:7: this must be an address that begins with https:// or http://
            url = "example.com/releases/2024/index.html"
    "#]].assert_eq(&table([
        (r#"["staging"]"#, r#"["feature/JIRA-1234-Fix-Login", "feature/JIRA-1234-Fix-Login"]"#),
        ("", r#""x-really-quite-a-long-name-of-many-words" = "assets/images/photographs/large/first""#),
        ("", r#"url = "example.com/releases/2024/index.html""#),
    ]));
}

#[test]
fn an_address_with_an_at_sign_is_not_repeated() {
    for key in ["endpoint", "url"] {
        for address in [
            "https://me:hunter2@example.com/",
            "https://me:hunter2/x@example.com/",
            "https://example.com/a?b=hunter2@c",
            "https://me:hunter2!\\u0040example.com",
            "me:hunter2@example.com",
        ] {
            let line = format!("{key} = \"{address}\"\nbucke = 1");
            let text = problems(&changed("", &line));
            assert!(text.contains("must not contain a user or a password"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
            let broken = problems(&changed("", &format!("{key} = \"{address}")));
            assert!(!broken.contains("hunter2"), "{broken}");
        }
    }
}

#[test]
fn a_control_character_is_a_problem_and_reaches_no_terminal() {
    let rows = [
        (r#"["staging"]"#, r#"["a\u001b[31m"]"#),
        (r#""public""#, r#""pub\u0007lic""#),
        (r#"["make"]"#, r#"["ma\u0007ke"]"#),
        (r#""stg.example.com""#, r#""stg\u0000""#),
        ("", r#"url = "https://example.com/\u001b""#),
        ("", r#"credentials = { profile = "a\u001b" }"#),
        ("", "[[headers]]\nmatch = \"a\\u0008\"\ncache-control = \"a\\u0007\""),
        ("", "\"a\\u001b[31m\" = 1"),
        ("", "max-deletes = \u{1b}[31m"),
        ("", "\"a\u{202e}b\" = 1"),
    ];
    expect![[r#"
        6:13: a control character is not allowed here
            branches = ["****[31m"]
        3:10: a control character is not allowed here
            output = "****"
        2:12: a control character is not allowed here
            command = ["****"]
        9:10: a control character is not allowed here
            bucket = "****"
        10:7: a control character is not allowed here
            url = "https://****
        10:27: a control character is not allowed here
            credentials = { profile = "****" }
        11:9: a control character is not allowed here
            match = "****"
        12:17: a header's value is printable ASCII without spaces around it
            cache-control = "****"
        10:1: unknown key `a\u{1b}[31m`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            "****[31m" = 1
        10:16: unexpected key or value, expected newline, `#`
            max-deletes = \u{1b}[31m
        10:1: unknown key `a\u{202e}b`; known here: branches, pull-requests, account, region, bucket, prefix, endpoint, url, max-deletes, retain, credentials, path-style, acl, encryption
            "a\u{202e}b" = 1
    "#]].assert_eq(&table(rows));
    let script = config(&changed(r#"["make"]"#, r#"["sh", "-c", "a\nb"]"#));
    assert_eq!(script.command, ["sh", "-c", "a\nb"]);
}

#[test]
fn a_profile_has_a_name() {
    expect![[r#"
        10:27: `profile` must be the name of a profile of the AWS config files
            credentials = { profile = "" }
        10:27: this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed
            credentials = { profile = "****" }
    "#]].assert_eq(&table([
        ("", r#"credentials = { profile = "" }"#),
        ("", r#"credentials = { profile = "K005GnGgmUbw6Sy7k1u0lFKVQJ4lqvA" }"#),
    ]));
}

#[test]
fn two_environments_take_different_variables_where_none_are_named() {
    let two = |names: [&str; 2], credentials: &str| {
        let other = format!(
            "[environments.{}]\nbranches = [\"x\"]\naccount = \"111111111111\"\nregion = \"a\"\nbucket = \"example.com\"\n{credentials}",
            names[1]
        );
        let text = changed("environments.staging", &format!("environments.{}", names[0]));
        problems(&format!("{text}{other}")) + "\n"
    };
    expect![[r#"
        `site/deploy.toml` has a problem

          site/deploy.toml:10:15: `a-b` and `a_b` name no `credentials`, and would both use `A_B_AWS_ACCESS_KEY_ID`; name the variables of each
            [environments.a_b]
        `site/deploy.toml` has a problem

          site/deploy.toml:10:15: `a` and `A` name no `credentials`, and would both use `A_AWS_ACCESS_KEY_ID`; name the variables of each
            [environments.A]
        NO PROBLEM
        NO PROBLEM
    "#]].assert_eq(
        &[
            two(["a-b", "a_b"], ""),
            two(["a", "A"], ""),
            two(["a-b", "a-c"], ""),
            two(["a-b", "a_b"], "credentials = \"ambient\""),
        ]
        .concat(),
    );
}

#[test]
fn a_pattern_that_matches_no_key_is_a_problem() {
    let patterns =
        ["/uploads/**", "./uploads", "!uploads", "", "/", "a//b", "a/./b", "../a", "//a//b/", "!"];
    let keep = patterns.map(|p| ("[build]", format!("keep = [\"{p}\"]\n[build]")));
    let rule = patterns
        .map(|p| ("", format!("[[headers]]\nmatch = \"{p}\"\ncache-control = \"no-cache\"")));
    let rows = keep.iter().chain(&rule[..2]);
    expect![[r#"
        1:9: a key does not begin with `/`; write "uploads/**"
            keep = ["/uploads/**"]
        1:9: a key has no segment `.`; write "uploads"
            keep = ["./uploads"]
        1:9: a pattern cannot undo another; remove it, or write '\!uploads' for a name that begins with `!`
            keep = ["!uploads"]
        1:9: an empty pattern matches no key; write "**"
            keep = [""]
        1:9: a key does not begin with `/`; write "**"
            keep = ["/"]
        1:9: a key has no empty segment; write "a/b"
            keep = ["a//b"]
        1:9: a key has no segment `.`; write "a/b"
            keep = ["a/./b"]
        1:9: a key has no segment `..`; it begins below the output folder
            keep = ["../a"]
        1:9: a key does not begin with `/`; write "a/b/"
            keep = ["//a//b/"]
        1:9: a pattern cannot undo another; remove it, or write '\!' for a name that begins with `!`
            keep = ["!"]
        11:9: a key does not begin with `/`; write "uploads/**"
            match = "/uploads/**"
        11:9: a key has no segment `.`; write "uploads"
            match = "./uploads"
    "#]].assert_eq(&table(rows.map(|(from, to)| (*from, to.as_str()))));
    for (from, to) in rule {
        assert!(problems(&changed(from, &to)).contains("has a problem"), "{to}");
    }
}

#[test]
fn what_is_below_a_kept_folder_is_kept() {
    let kept = |pattern: &str, key: &str| {
        let config = config(&changed("[build]", &format!("keep = ['{pattern}']\n[build]")));
        config.keep.iter().any(|glob| glob.is_match(key))
    };
    for (pattern, key, expected) in [
        ("uploads", "uploads", true),
        ("uploads", "uploads/a.txt", true),
        ("uploads", "uploads/a/b.txt", true),
        ("uploads", "uploads/", true),
        ("uploads", "uploads2", false),
        ("uploads", "a/uploads/b", false),
        ("uploads/", "uploads/a.txt", true),
        ("uploads/", "uploads/", true),
        ("uploads/", "uploads", false),
        ("uploads/**", "uploads/a/b", true),
        ("uploads/**/", "uploads/a/b", true),
        ("**/", "a", true),
        ("**", "a/b", true),
        ("*", "a/b/c", true),
        ("uploads/*", "uploads/a/b", true),
        ("*.txt", "a.txt", true),
        ("*.txt", "b/a.txt", false),
        ("**/.well-known", "a/.well-known/b", true),
        ("{a,b}", "b/c", true),
        (r"\!a", "!a", true),
        ("e\u{301}te\u{301}", "\u{e9}t\u{e9}/a", true),
    ] {
        assert_eq!(kept(pattern, key), expected, "{pattern} {key}");
    }
    let rule = |pattern: &str, key: &str| {
        let line = format!("[[headers]]\nmatch = \"{pattern}\"\ncache-control = \"no-cache\"");
        config(&changed("", &line)).rules[0].matcher.is_match(key)
    };
    assert!(rule("uploads/", "uploads/a/b") && rule("e\u{301}", "\u{e9}"));
    assert!(!rule("uploads", "uploads/a"));
}

#[test]
fn only_the_first_problems_are_shown_and_the_rest_is_counted() {
    let many: String = (0..60_000).map(|i| format!("k{i} = 1\n")).collect();
    let text = problems(&changed("", &many));
    let last = text.split("\n\n").last().unwrap();
    assert_eq!(text.split("\n\n").count(), 22);
    assert!(text.starts_with("`site/deploy.toml` has 60000 problems"), "{}", &text[..80]);
    assert_eq!(last, "  and 59980 more");
    // One bucket and one branch for thousands of environments.
    let many: String = (0..6_000)
        .map(|i| format!("[environments.e{i}]\nbucket = \"stg.example.com\"\nbranches = [\"a\"]\n"))
        .collect();
    assert!(problems(&changed("", &many)).ends_with(" more"));
    let long = format!("{} = 1", "a-".repeat(100_000));
    assert!(problems(&changed("", &long)).len() < 5_000);
}

#[test]
fn a_file_that_is_none_or_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let read = || match Config::read(folder.path(), Path::new("site")) {
        Err(error @ Error::Config(_)) => {
            assert_eq!(error.exit_code(), 2);
            let Error::Config(text) = error else { unreachable!() };
            text + "\n\n"
        }
        other => panic!("{other:?}"),
    };
    std::fs::create_dir(&file).unwrap();
    let mut shown = read();
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, VALID.to_owned() + &"#".repeat(1 << 20)).unwrap();
    shown += &read();
    std::fs::remove_file(&file).unwrap();
    #[cfg(unix)]
    {
        let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        let fifo = read();
        assert!(fifo.contains("not a regular file"), "{fifo}");
    }
    expect![[r#"
        failed to read `site/deploy.toml`
          it is not a regular file

        hint: it must be a readable file of UTF-8 text, of 1 MiB at most

        failed to read `site/deploy.toml`
          it is larger than 1 MiB

        hint: it must be a readable file of UTF-8 text, of 1 MiB at most

    "#]]
    .assert_eq(&shown);
}

#[test]
fn an_endpoint_is_one_store_however_it_is_written() {
    let of = |endpoint: &str| {
        config(&changed("", &format!("endpoint = \"{endpoint}\""))).environments.remove(0)
    };
    for (a, b, expected) in [
        ("https://s3.example.net", "https://s3.example.net/", true),
        ("https://s3.example.net", "https://S3.Example.net", true),
        ("https://s3.example.net", "https://s3.example.net:443/", true),
        ("http://s3.example.net:80", "http://s3.example.net", true),
        ("http://[::1]:80/", "http://[::1]", true),
        ("https://s3.example.net/A/", "https://s3.example.net/A", true),
        ("https://s3.example.net/A", "https://s3.example.net/a", false),
        ("https://s3.example.net:80", "https://s3.example.net", false),
        ("http://s3.example.net", "https://s3.example.net", false),
        ("http://s3.example.net:8080", "http://s3.example.net", false),
    ] {
        assert_eq!(of(a).shares_bucket_with(&of(b)), expected, "{a} {b}");
    }
}

/// As shown in DESIGN.md.
const CONTRACT: &str = r#"
[build]
command = ["cargo", "run", "--quiet", "--package", "site"]  # run in site/; any generator: ["hugo", "--minify"]; leave out when the output is already there
output  = "public"                                          # relative to site/

[environments.production]
branches = ["main", "master"]          # exact names or globs; an exact name wins over a glob
account  = "111111111111"
region   = "ap-northeast-1"
bucket   = "example.com"
url      = "https://example.com/"      # optional: printed when done
credentials = { access-key-id = "AWS_ACCESS_KEY_ID", secret-access-key = "AWS_SECRET_ACCESS_KEY" }

[environments.staging]
branches = ["staging"]
account  = "222222222222"
region   = "ap-northeast-1"
bucket   = "stg.example.com"
credentials = { access-key-id = "STGAWSKEY", secret-access-key = "STGAWSSECRET" }

[environments.development]
branches = ["development", "feature/**"]
account  = "333333333333"
region   = "ap-northeast-1"
bucket   = "dev.example.com"
prefix   = "{branch}/"                 # optional; {branch} is the branch as a safe path segment
credentials = { access-key-id = "DEVAWSKEY", secret-access-key = "DEVAWSSECRET" }

[[headers]]                            # every rule that matches applies; of two for the same header, the later wins
match = "**/*.{css,js,woff2}"
cache-control = "public, max-age=31536000, immutable"
"#;

#[test]
fn the_contracts_example_is_read_whole() {
    let config = config(CONTRACT);
    assert_eq!(config.site, Path::new("/repository/site"));
    assert_eq!(config.command, ["cargo", "run", "--quiet", "--package", "site"]);
    assert_eq!(config.output_folder(), Path::new("/repository/site/public"));
    assert!(config.keep.is_empty());

    let [rule] = config.rules.as_slice() else { panic!("{:?}", config.rules) };
    assert_eq!(rule.matcher.glob().glob(), "**/*.{css,js,woff2}");
    let headers: Vec<_> = rule.headers.iter().collect();
    assert_eq!(headers, [("cache-control", "public, max-age=31536000, immutable")]);

    let shown = |e: &Environment| {
        let branches = e.branches.iter().map(|branches| match branches {
            Branches::Exactly(name) => format!("exactly {name}"),
            Branches::Matching(glob) => format!("matching {}", glob.glob().glob()),
        });
        format!(
            "{}\n  {}\n  {:?} {} s3://{}/{} {:?}\n  pull requests: {}, endpoint: {:?}, deletes: {:?}\n  {:?}\n",
            e.name,
            branches.collect::<Vec<_>>().join(", "),
            e.account,
            e.region,
            e.bucket,
            e.prefix.fill("BRANCH"),
            e.url.as_ref().map(|url| url.fill("BRANCH")),
            e.pull_requests,
            e.endpoint,
            e.max_deletes,
            e.credentials,
        )
    };
    let shown: String = config.environments.iter().map(shown).collect();
    expect![[r#"
        production
          exactly main, exactly master
          Some("111111111111") ap-northeast-1 s3://example.com/ Some("https://example.com/")
          pull requests: false, endpoint: None, deletes: None
          Variables { access_key_id: "AWS_ACCESS_KEY_ID", secret_access_key: "AWS_SECRET_ACCESS_KEY", session_token: None }
        staging
          exactly staging
          Some("222222222222") ap-northeast-1 s3://stg.example.com/ None
          pull requests: false, endpoint: None, deletes: None
          Variables { access_key_id: "STGAWSKEY", secret_access_key: "STGAWSSECRET", session_token: None }
        development
          exactly development, matching feature/**
          Some("333333333333") ap-northeast-1 s3://dev.example.com/BRANCH/ None
          pull requests: false, endpoint: None, deletes: None
          Variables { access_key_id: "DEVAWSKEY", secret_access_key: "DEVAWSSECRET", session_token: None }
    "#]].assert_eq(&shown);
}

#[test]
fn what_may_be_left_out_has_its_usual_value() {
    let of = |line: &str| config(&changed("", line)).environments.remove(0);
    let environment = of("");
    assert_eq!(environment.prefix.fill("main"), "");
    assert_eq!((environment.pull_requests, environment.max_deletes), (false, None));
    assert_eq!((environment.url, environment.endpoint), (None, None));
    assert_eq!(
        environment.credentials,
        Credentials::Variables {
            access_key_id: "STAGING_AWS_ACCESS_KEY_ID".into(),
            secret_access_key: "STAGING_AWS_SECRET_ACCESS_KEY".into(),
            session_token: SessionToken::WhereSet("STAGING_AWS_SESSION_TOKEN".into()),
        }
    );
    let dashed = config(&changed("environments.staging", "environments.pre-Prod_2")).environments;
    assert_eq!(
        dashed[0].variables(),
        [
            "PRE_PROD_2_AWS_ACCESS_KEY_ID",
            "PRE_PROD_2_AWS_SECRET_ACCESS_KEY",
            "PRE_PROD_2_AWS_SESSION_TOKEN"
        ]
    );
    assert!(config(&changed("command = [\"make\"]\n", "")).command.is_empty());
}

#[test]
fn every_other_value_is_read_as_it_is_written() {
    let of = |line: &str| config(&changed("", line)).environments.remove(0);
    assert_eq!(of("max-deletes = 0").max_deletes, Some(0));
    assert_eq!(of("max-deletes = 0x10").max_deletes, Some(16));
    for (text, seconds) in
        [("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600)]
    {
        let retain = of(&format!("retain = \"{text}\"")).retain;
        assert_eq!(retain, Some(Duration::from_secs(seconds)), "{text}");
    }
    let above = format!("retain = \"1d\"\n{}", changed("", "retain = \"2d\""));
    assert_eq!(config(&above).environments[0].retain, Some(Duration::from_secs(172_800)));
    let above = format!("retain = \"1d\"\n{}", changed("", ""));
    assert_eq!(config(&above).environments[0].retain, Some(Duration::from_secs(86_400)));
    assert!(of("pull-requests = true").pull_requests);
    assert_eq!(of("prefix = \"a\"").prefix.fill("x"), "a/");
    assert_eq!(of("prefix = \"a/{branch}\"").prefix.fill("x"), "a/x/");
    assert_eq!(of("credentials = \"ambient\"").credentials, Credentials::Ambient);
    assert_eq!(
        of("credentials = { profile = \"stg\" }").credentials,
        Credentials::Profile("stg".into())
    );
    assert_eq!(
        of(
            r#"credentials = { access-key-id = "I", secret-access-key = "S", session-token = "T" }"#
        )
        .variables(),
        ["I", "S", "T"]
    );
    let store = config(&changed(
        "account = \"222222222222\"\nregion = \"eu-central-1\"",
        "endpoint = \"http://127.0.0.1:9000\"",
    ));
    let store = &store.environments[0];
    assert_eq!(store.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!((store.account.as_deref(), store.region.as_str()), (None, "us-east-1"));

    let keep = config(&changed("[build]", "keep = [\"uploads/**\"]\n[build]")).keep;
    assert!(keep[0].is_match("uploads/a/b") && !keep[0].is_match("a"));
    let rules = "[[headers]]\nmatch = \"*\"\nCache-Control = \"no-cache\"\nX-Amz-Meta-Team = \"docs\"\nexpires = \"Wed, 21 Oct 2026 07:28:00 GMT\"";
    let headers = config(&changed("", rules)).rules.remove(0).headers;
    let names: Vec<&str> = headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cache-control", "expires", "x-amz-meta-team"]);
}

#[test]
fn no_mutation_of_the_file_panics_or_prints_a_credential() {
    let seeded = CONTRACT
        .replace("AWS_ACCESS_KEY_ID", ID)
        .replace("STGAWSSECRET", SECRET)
        .replace("\"DEVAWSSECRET\"", &format!("\"{SECRET}\", session-token = \"{}\"", OTHERS[0]));
    let pieces = [
        "\"", "'", "\n", "[", "]", "{", "}", "=", ",", ".", "#", "\\", "\"\"\"", " ", "\u{e9}",
        "_", "0", "[[", "\u{0}", "\r", "\u{feff}",
    ];
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    for round in 0..4000 {
        let mut text: Vec<char> = if round % 2 == 0 { CONTRACT } else { &seeded }.chars().collect();
        for _ in 0..=random.below(3) {
            let (from, to) = (random.below(text.len()), random.below(text.len()));
            match random.below(5) {
                0 => drop(text.remove(from)),
                1 => drop(text.splice(from..from, pieces[random.below(pieces.len())].chars())),
                2 => drop(text.splice(from..=from, pieces[random.below(pieces.len())].chars())),
                3 => text.swap(from, to),
                _ => drop(text.drain(from.min(to)..from.max(to).min(from.min(to) + 40))),
            }
        }
        let text: String = text.into_iter().collect();
        let Err(error) = parse(&text) else { continue };
        let Error::Config(shown) = error else { panic!("{error:?}") };
        assert!(!shown.contains(SECRET) && !shown.contains(OTHERS[0]), "{text}\n\n{shown}");
        // With a letter before it, it is a different word.
        let whole =
            |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == ID);
        assert!(!whole(&shown), "{text}\n\n{shown}");
    }
}

/// <https://www.jstatsoft.org/article/view/v008i14>
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn a_pattern_in_two_lists_that_say_opposite_things_is_a_problem() {
    let lists =
        "keep = [\"a\", \"b/\"]\nexclude = [\"b/**\", \"c\"]\npublish = [\"a\", \"c\", \"d\"]";
    expect![[r#"
        `site/deploy.toml` has 3 problems

          site/deploy.toml:2:12: `b/**` is in `keep` and in `exclude`; remove it from one of them
            exclude = ["b/**", "c"]

          site/deploy.toml:3:12: `a` is in `keep` and in `publish`; remove it from one of them
            publish = ["a", "c", "d"]

          site/deploy.toml:3:17: `c` is in `exclude` and in `publish`; remove it from one of them
            publish = ["a", "c", "d"]
    "#]]
    .assert_eq(&(problems(&changed("[build]", &format!("{lists}\n[build]"))) + "\n"));
}

#[test]
fn what_is_excluded_and_published_is_read_as_keep_is() {
    let lists = "exclude = [\"**/*.map\", \"drafts\"]\npublish = [\"gpg.key\", \"tags/.net/\"]";
    let config = config(&changed("[build]", &format!("{lists}\n[build]")));
    let is_match = |globs: &[GlobMatcher], key: &str| globs.iter().any(|glob| glob.is_match(key));
    assert!(is_match(&config.exclude, "a/b.map") && is_match(&config.exclude, "drafts/a/b.html"));
    assert!(is_match(&config.publish, "gpg.key") && is_match(&config.publish, "tags/.net/a"));
    assert!(!is_match(&config.publish, "a/gpg.key") && !is_match(&config.exclude, "a/drafts"));
    for key in ["exclude", "publish"] {
        let inside = problems(&changed("output = ", &format!("{key} = [\"a\"]\noutput = ")));
        let above = format!("`{key}` belongs at the top of the file, before the first [section]");
        assert!(inside.contains(&above), "{inside}");
    }
}
