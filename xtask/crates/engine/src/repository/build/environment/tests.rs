//! Which variables a build is given, and which are withheld from it.

use super::*;

const FILE: &str = r#"
    [build]
    output = "public"
    env = ["MY_AWS_NAME", "GITHUB_TOKEN", "RUSTUP_TOOLCHAIN", "HTTPS_PROXY"]
    [environments.production]
    branches = ["main"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
    credentials = { access-key-id = "SITE_ID", secret-access-key = "SITE_PAIR" }
"#;

fn of(variables: &[(&str, &str)]) -> Changes {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), FILE).unwrap();
    let config = Config::read(folder.path(), Path::new("site")).unwrap();
    let own = |text: &&str| OsString::from(text);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (own(name), own(value))).collect();
    changes(&config, &variables)
}

#[track_caller]
fn withheld(variables: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(of(variables).withheld, expected, "{variables:?}");
}

#[test]
fn public_settings_of_frameworks_pass_unless_they_name_a_secret() {
    for name in [
        "VITE_AWS_REGION",
        "REACT_APP_AWS_USER_POOLS_ID",
        "NEXT_PUBLIC_AWS_URL",
        "GATSBY_AWS_BUCKET",
        "PUBLIC_AWS_COGNITO_CLIENT_ID",
        "NUXT_PUBLIC_AWS_REGION",
        "VUE_APP_AWS_IDENTITY_POOL",
        "EXPO_PUBLIC_AWS_API",
        "NG_APP_AWS_REGION",
        "HUGO_PARAMS_AWS_REGION",
        "STORYBOOK_AWS_REGION",
        "MIX_AWS_BUCKET",
        "VITE_GOOGLE_MAPS_KEY",
        "VITE_AWS_APPSYNC_KEY",
        "VITE_MAPBOX_TOKEN",
        "REACT_APP_AUTH0_ID_TOKENS",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CA_BUNDLE",
    ] {
        let expected: &[&str] = match name {
            "REACT_APP_AUTH0_ID_TOKENS" => &[name],
            _ => &[],
        };
        withheld(&[(name, "value")], expected);
    }
    for name in [
        "VITE_AWS_SECRET_ACCESS_KEY",
        "REACT_APP_AWS_SESSION_TOKEN",
        "NEXT_PUBLIC_AWS_SECRET",
        "GATSBY_AWS_PRIVATE_KEY",
        "VITE_S3_SECRET_KEY",
        "vite_aws_region",
        "MY_VITE_AWS_REGION",
    ] {
        withheld(&[(name, "value")], &[name]);
    }
}

#[test]
fn credentials_are_withheld_by_name() {
    for name in [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "MY_AWS_SECRET",
        "STGAWSKEY",
        "STGAWSSECRET",
        "S3_SECRET_KEY",
        "S3_ACCESS_KEY",
        "S3_KEY",
        "MINIO_ROOT_PASSWORD",
        "B2_APPLICATION_KEY",
        "B2_APPLICATION_KEY_ID",
        "R2_ACCESS_KEY_ID",
        "SPACES_SECRET_ACCESS_KEY",
        "GH_TOKEN",
        "CI_JOB_TOKEN",
        "CI_REPOSITORY_URL",
        "CI_REGISTRY_PASSWORD",
        "CI_DEPLOY_PASSWORD",
        "CI_DEPENDENCY_PROXY_PASSWORD",
        "CI_JOB_JWT_V2",
        "DRONE_NETRC_PASSWORD",
        "CI_NETRC_PASSWORD",
        "VERCEL_OIDC_TOKEN",
        "MC_HOST_store",
        "S3CMD_SECRET",
        "SCW_ACCESS_KEY",
        "SCW_SECRET_KEY",
        "MINIO_ROOT_USER",
        "AZURE_DEVOPS_EXT_PAT",
        "TRAVIS_TOKEN",
        "site_id",
        "SITE_PAIR",
    ] {
        withheld(&[(name, "value")], &[name]);
    }
    for name in [
        "HOME",
        "CI",
        "CI_PROJECT_ID",
        "CI_COMMIT_SHA",
        "NPM_TOKEN",
        "CONTENTFUL_ACCESS_TOKEN",
        "ALGOLIA_API_KEY",
        "LAWS_OF_NATURE",
        "S3_BUCKET",
        "GITHUB_SHA",
    ] {
        withheld(&[(name, "value")], &[]);
    }
}

#[test]
fn credentials_are_withheld_by_value() {
    let secret = ("SITE_PAIR", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    for (name, value) in [
        ("COPY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("RCLONE", "s3,secret=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY;"),
        ("VITE_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("ADDRESS", "s3://id:wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY@bucket"),
    ] {
        let mut both = [name, "SITE_PAIR"];
        both.sort_unstable();
        withheld(&[secret, (name, value)], &both);
    }
    let quoted = ("SITE_PAIR", "a \"secret\" of a store");
    withheld(
        &[quoted, ("STORE", r#"{"pair":"a \"secret\" of a store"}"#)],
        &["SITE_PAIR", "STORE"],
    );
    let token = ("CI_JOB_TOKEN", "64_Vx1zQhQ9yWqS2m3nA");
    let address =
        ("ORIGIN", "https://gitlab-ci-token:64_Vx1zQhQ9yWqS2m3nA@gitlab.example.com/a.git");
    withheld(&[token, address], &["CI_JOB_TOKEN", "ORIGIN"]);
    withheld(&[("STORE", "s3://AKIAIOSFODNN7EXAMPLE@bucket")], &["STORE"]);
    withheld(
        &[("PUSH", "https://x-access-token:ghs_16C7e42F292c6912E7710c838347Ae178B4a@github.com")],
        &["PUSH"],
    );
    withheld(&[("AWS_PROFILE", "production-site"), ("STAGE", "production-site")], &["AWS_PROFILE"]);
    let short = ("SITE_PAIR", "minioadmin");
    withheld(
        &[short, ("MC_HOST", "http://minioadmin:minioadmin@minio:9000")],
        &["MC_HOST", "SITE_PAIR"],
    );
    withheld(&[short, ("NAME", "minioadmins"), ("HOME", "/home/minioadmin")], &["SITE_PAIR"]);
    withheld(&[("HTTPS_PROXY", "http://user:password@proxy:3128")], &[]);
}

#[test]
fn credentials_in_base64_are_withheld_by_value() {
    let base64 = |text: &str| base64_simd::STANDARD.encode_to_string(text);
    let secret = ("SITE_PAIR", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let job = ("CI_JOB_TOKEN", "64_Vx1zQhQ9yWqS2m3nA");
    let docker = |login: &str| {
        format!(r#"{{"auths":{{"registry.example.com":{{"auth":"{}"}}}}}}"#, base64(login))
    };
    let in_lines = |text: &str| {
        let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        lines.join("\n") + "\n"
    };
    let login = "gitlab-ci-token:64_Vx1zQhQ9yWqS2m3nA";
    for (name, value) in [
        ("REGISTRY_AUTH", base64(login)),
        ("HEADER", format!("Basic {}", base64(login).trim_end_matches('='))),
        ("DOCKER_CONFIG_TEXT", docker(login)),
        ("DOCKER_CONFIG_TWICE", base64(&docker(login))),
        ("DOCKER_CONFIG_LINES", in_lines(&base64(&docker(login)))),
        ("STORE_LOGIN", base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!("?>{}", secret.1))),
        ("GIT_LOGIN", base64("x-access-token:ghs_16C7e42F292c6912E7710c838347Ae178B4a")),
    ] {
        let found = of(&[secret, job, (name, &value)]).withheld;
        assert!(found.contains(&name.into()), "{name}={value}");
    }
    for (name, value) in [
        ("SETTINGS", base64(r#"{"title":"A site","color":"red"}"#)),
        ("REVISION", "8060c0d1a2b3c4d5e6f708192a3b4c5d6e7f8091".to_owned()),
        ("PATHS", "/opt/hostedtoolcache/node/20.0.0/x64/bin".to_owned()),
    ] {
        withheld(&[secret, job, (name, &value)], &["CI_JOB_TOKEN", "SITE_PAIR"]);
    }
}

#[test]
fn an_ordinary_word_withholds_no_other_variable() {
    for (name, word) in [
        ("AWS_S3_KEY_PREFIX", "production"),
        ("AWS_SECRET_NAME", "site/development"),
        ("AWS_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:111111111111:secret:site-a1b2c3"),
        ("AWS_PRIVATE_KEY_PATH", "/srv/keys/site1"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token1"),
        ("AWS_SECRET", "production"),
    ] {
        withheld(&[(name, word), ("NODE_ENV", word), ("HUGO_ENVIRONMENT", word)], &[name]);
    }
    let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    withheld(&[("AWS_SECRET", key), ("COPY", key)], &["AWS_SECRET", "COPY"]);
    let word = "correct-horse-battery";
    withheld(&[("AWS_PASSWORD", word), ("COPY", word)], &["AWS_PASSWORD", "COPY"]);
}

#[test]
fn a_login_that_git_is_configured_to_send_is_withheld() {
    let basic = "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46YWJj";
    withheld(&[("GIT_CONFIG_VALUE_0", basic)], &["GIT_CONFIG_VALUE_0"]);
    withheld(&[("GIT_CONFIG_VALUE_0", "main"), ("GIT_CONFIG_COUNT", "1")], &[]);
}

#[test]
fn a_proxy_with_a_login_passes_if_the_file_names_it() {
    redact::keep("password-at-the-proxy");
    let proxy = "http://me:password-at-the-proxy@proxy:3128";
    withheld(&[("HTTPS_PROXY", proxy), ("ALL_PROXY", proxy)], &["ALL_PROXY"]);
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let holds = "http://me:wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY@proxy:3128";
    withheld(&[("SITE_PAIR", secret), ("HTTPS_PROXY", holds)], &["HTTPS_PROXY", "SITE_PAIR"]);
}

#[test]
fn what_the_file_names_passes() {
    withheld(
        &[("MY_AWS_NAME", "x"), ("GITHUB_TOKEN", "x"), ("OTHER_AWS_NAME", "x")],
        &["OTHER_AWS_NAME"],
    );
    let changes = of(&[("RUSTUP_TOOLCHAIN", "nightly"), ("CARGO", "cargo")]);
    assert_eq!(changes.of_cargo, ["CARGO"]);
}

#[test]
fn a_secret_that_this_run_uses_never_passes() {
    redact::keep("in-use-in-the-test-of-the-environment");
    withheld(&[("MY_AWS_NAME", "in-use-in-the-test-of-the-environment")], &["MY_AWS_NAME"]);
}

#[test]
fn what_cargo_and_rustup_set_is_removed_and_what_configures_them_stays() {
    let own = [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "CARGO_PKG_VERSION",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "RUSTUP_TOOLCHAIN_SOURCE",
        "RUST_RECURSION_COUNT",
    ];
    for name in own {
        assert_eq!(of(&[(name, "x")]).of_cargo, [name]);
    }
    for name in [
        "CARGO_HOME",
        "RUSTUP_HOME",
        "CARGO_TARGET_DIR",
        "CARGO_NET_OFFLINE",
        "CARGO_ALIAS_XTASK",
        "CARGO_TERM_COLOR",
        "RUSTFLAGS",
        "OUT_DIR",
        "LD_LIBRARY_PATH",
    ] {
        assert_eq!(of(&[(name, "/public/out")]), Changes::default(), "{name}");
    }
    let out = "/repo/target/debug/build/site-1f2e/out";
    assert_eq!(of(&[("OUT_DIR", out)]).of_cargo, ["OUT_DIR"]);
}

#[test]
fn folders_of_the_toolchain_leave_the_library_path() {
    let home = ("RUSTUP_HOME", "/home/kim/.rustup");
    let paths = |list: &str| of(&[home, ("LD_LIBRARY_PATH", list)]).paths;
    let name = OsString::from("LD_LIBRARY_PATH");
    assert_eq!(
        paths("/home/kim/.rustup/toolchains/stable/lib:/opt/lib"),
        [(name.clone(), "/opt/lib".into())]
    );
    assert_eq!(paths("/home/kim/.rustup/toolchains/stable/lib"), [(name, "".into())]);
    assert_eq!(paths("/opt/lib:/usr/lib"), []);
}
