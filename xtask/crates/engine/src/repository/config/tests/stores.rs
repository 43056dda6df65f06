//! Where a bucket is and what it demands: addresses that lead somewhere else, and headers that some buckets require.

use expect_test::expect;

use super::super::*;
use super::{changed, config, environment, problems, table};

/// The problems of a file, without the line that counts them and the spaces before each line.
fn shown(text: &str) -> String {
    let problems = problems(text);
    let problems = problems.split_once("\n\n").map_or(problems.as_str(), |(_, rest)| rest);
    let lines = problems.lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
    lines.map(|line| format!("{line}\n")).collect::<String>().replace("site/deploy.toml:", "")
}

/// The problems of an environment whose place is given by these lines.
fn place_table(rows: &[&str]) -> String {
    let place =
        "account = \"222222222222\"\nregion = \"eu-central-1\"\nbucket = \"stg.example.com\"";
    rows.iter().map(|lines| shown(&changed(place, lines))).collect()
}

#[test]
fn an_endpoint_that_names_the_bucket_is_a_problem_with_the_line_to_write() {
    expect![[r#"
        8:12: `endpoint` ends with the bucket, which `bucket` already names; write endpoint = "https://acct.r2.cloudflarestorage.com"
          endpoint = "https://acct.r2.cloudflarestorage.com/site"
        8:12: `endpoint` ends with the bucket, which `bucket` already names; write endpoint = "http://127.0.0.1:9000"
          endpoint = "http://127.0.0.1:9000/site/"
        8:12: `endpoint` ends with the bucket, which `bucket` already names; write endpoint = "https://a.supabase.co/storage/v1/s3"
          endpoint = "https://a.supabase.co/storage/v1/s3/site"
        9:12: `endpoint` ends with the bucket, which `bucket` already names; write endpoint = "https://s3.example.net"
          endpoint = "https://s3.example.net/site/docs"
        8:12: `endpoint` begins with the bucket, which `bucket` already names; write endpoint = "https://fra1.digitaloceanspaces.com" (if this is the store's own name, add path-style = true)
          endpoint = "https://site.fra1.digitaloceanspaces.com"
        8:12: `endpoint` begins with the bucket, which `bucket` already names; write endpoint = "https://s3.example.net:9000" (if this is the store's own name, add path-style = true)
          endpoint = "https://Site.s3.example.net:9000"
        8:12: `endpoint` begins with the bucket, which `bucket` already names; write endpoint = "https://s3.example.net" (if this is the store's own name, add path-style = true)
          endpoint = "https://www.example.com.s3.example.net"
    "#]].assert_eq(&place_table(&[
        "bucket = \"site\"\nendpoint = \"https://acct.r2.cloudflarestorage.com/site\"",
        "bucket = \"site\"\nendpoint = \"http://127.0.0.1:9000/site/\"",
        "bucket = \"site\"\nendpoint = \"https://a.supabase.co/storage/v1/s3/site\"",
        "bucket = \"site\"\nprefix = \"docs\"\nendpoint = \"https://s3.example.net/site/docs\"",
        "bucket = \"site\"\nendpoint = \"https://site.fra1.digitaloceanspaces.com\"",
        "bucket = \"site\"\nendpoint = \"https://Site.s3.example.net:9000\"",
        "bucket = \"www.example.com\"\nendpoint = \"https://www.example.com.s3.example.net\"",
    ]));
    for fine in [
        "bucket = \"site\"\nendpoint = \"http://site:9000\"",
        "bucket = \"site\"\nendpoint = \"http://127.0.0.1:9000\"",
        "bucket = \"storage\"\nendpoint = \"https://a.supabase.co/storage/v1/s3\"",
        "bucket = \"sit\"\nendpoint = \"https://site.example.net\"",
        "bucket = \"minio\"\npath-style = true\nendpoint = \"https://minio.example.net\"",
    ] {
        assert_eq!(place_table(&[fine]), "NO PROBLEM\n", "{fine}");
    }
}

#[test]
fn an_endpoint_of_aws_is_one_of_s3_in_the_buckets_region_and_needs_an_account() {
    let aws = |host: &str| {
        format!(
            "bucket = \"site\"\naccount = \"222222222222\"\nregion = \"eu-central-1\"\nendpoint = \"https://{host}\""
        )
    };
    let rows = [
        "bucket = \"site\"\nendpoint = \"https://s3.dualstack.eu-central-1.amazonaws.com\""
            .to_owned(),
        aws("site.s3.eu-central-1.amazonaws.com"),
        aws("other.s3-eu-central-1.amazonaws.com"),
        aws("www.example.com.s3.amazonaws.com"),
        aws("site.vpce-1a2b-5e6f.s3.eu-central-1.vpce.amazonaws.com"),
        aws("s3-website.eu-central-1.amazonaws.com"),
        aws("site.s3-website-eu-west-1.amazonaws.com"),
        aws("sts.amazonaws.com"),
        aws("s3.eu-west-1.amazonaws.com"),
        aws("s3.dualstack.us-east-1.amazonaws.com"),
        aws("s3.eu-central-1.amazonaws.com/site"),
        aws("s3.eu-central-1.amazonaws.com/docs"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    expect![[r#"
        5:15: `[environments.staging]` lacks `account`, the twelve digits of the AWS account that it may write to
          [environments.staging]

        5:15: `[environments.staging]` lacks `region`, such as "eu-central-1"
          [environments.staging]
        10:12: `endpoint` begins with a bucket, `site`, which belongs in `bucket`; remove `endpoint`, or write endpoint = "https://s3.eu-central-1.amazonaws.com"
          endpoint = "https://site.s3.eu-central-1.amazonaws.com"
        10:12: `endpoint` begins with a bucket, `other`, which belongs in `bucket`; remove `endpoint`, or write endpoint = "https://s3-eu-central-1.amazonaws.com"
          endpoint = "https://other.s3-eu-central-1.amazonaws.com"
        10:12: `endpoint` begins with a bucket, `www.example.com`, which belongs in `bucket`; remove `endpoint`, or write endpoint = "https://s3.amazonaws.com"
          endpoint = "https://www.example.com.s3.amazonaws.com"
        10:12: `endpoint` begins with `site`; begin it with bucket.vpce-…, with the word `bucket` itself
          endpoint = "https://site.vpce-1a2b-5e6f.s3.eu-central-1.vpce.amazonaws.com"
        10:12: this is the website endpoint of a bucket, which serves visitors and accepts no files; remove `endpoint`, and write the address in `url`
          endpoint = "https://s3-website.eu-central-1.amazonaws.com"
        10:12: this is the website endpoint of a bucket, which serves visitors and accepts no files; remove `endpoint`, and write the address in `url`
          endpoint = "https://site.s3-website-eu-west-1.amazonaws.com"
        10:12: this is an address of AWS, but not of S3; remove `endpoint`
          endpoint = "https://sts.amazonaws.com"
        10:12: `endpoint` is in eu-west-1, but `region` is "eu-central-1"; name the region of the bucket in both
          endpoint = "https://s3.eu-west-1.amazonaws.com"
        10:12: `endpoint` is in us-east-1, but `region` is "eu-central-1"; name the region of the bucket in both
          endpoint = "https://s3.dualstack.us-east-1.amazonaws.com"
        10:12: `endpoint` ends with the bucket, which `bucket` already names; write endpoint = "https://s3.eu-central-1.amazonaws.com"
          endpoint = "https://s3.eu-central-1.amazonaws.com/site"
        10:12: an address of S3 has no path; write endpoint = "https://s3.eu-central-1.amazonaws.com"
          endpoint = "https://s3.eu-central-1.amazonaws.com/docs"
    "#]].assert_eq(&place_table(&rows));
    for fine in [
        "s3.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "s3-eu-central-1.amazonaws.com",
        "s3.dualstack.eu-central-1.amazonaws.com",
        "s3-accelerate.amazonaws.com",
        "s3-accelerate.dualstack.amazonaws.com",
        "bucket.vpce-1a2b-5e6f.s3.eu-central-1.vpce.amazonaws.com",
        "vpce-1a2b-5e6f.s3.eu-central-1.vpce.amazonaws.com",
    ] {
        assert_eq!(place_table(&[&aws(fine)]), "NO PROBLEM\n", "{fine}");
    }
}

#[test]
fn an_endpoint_is_a_host_and_perhaps_a_port() {
    expect![[r#"
          8:12: this must be an address that begins with https:// or http://
            endpoint = "s3://site"
          8:12: `endpoint` must be a host and perhaps a port, such as "https://s3.example.net" or "http://minio:9000", without a query
            endpoint = "https://s3.example.net/?region=a"
          8:12: `endpoint` must be a host and perhaps a port, such as "https://s3.example.net" or "http://minio:9000", without a query
            endpoint = "https://s3.example.net#a"
          8:12: `endpoint` must be a host and perhaps a port, such as "https://s3.example.net" or "http://minio:9000", without a query
            endpoint = "http://minio:99999"
          8:12: `endpoint` must be a host and perhaps a port, such as "https://s3.example.net" or "http://minio:9000", without a query
            endpoint = "https://{branch}.example.net"
    "#]].assert_eq(&place_table(&[
        "bucket = \"site\"\nendpoint = \"s3://site\"",
        "bucket = \"site\"\nendpoint = \"https://s3.example.net/?region=a\"",
        "bucket = \"site\"\nendpoint = \"https://s3.example.net#a\"",
        "bucket = \"site\"\nendpoint = \"http://minio:99999\"",
        "bucket = \"site\"\nendpoint = \"https://{branch}.example.net\"",
    ]));
}

#[test]
fn a_store_that_names_its_region_needs_no_other_line_for_it() {
    let region = |endpoint: &str| environment(&format!("endpoint = \"{endpoint}\"")).region;
    assert_eq!(region("https://s3.us-west-004.backblazeb2.com"), "us-west-004");
    assert_eq!(region("https://s3.fr-par.scw.cloud"), "fr-par");
    assert_eq!(region("https://s3.example.net"), "us-east-1");
    let named =
        environment("region = \"x\"\nendpoint = \"https://s3.us-west-004.backblazeb2.com\"");
    assert_eq!(named.region, "x");
}

#[test]
fn a_bucket_stands_in_the_path_where_its_store_has_no_names_for_buckets() {
    let rows = [
        ("http://127.0.0.1:9000", "", true),
        ("http://minio:9000", "", true),
        ("http://s3.corp.lan", "", true),
        ("https://s3.example.net", "", false),
        ("https://s3.example.net", "path-style = true", true),
        ("http://s3.garage.lan", "path-style = false", false),
        ("https://s3.dualstack.eu-central-1.amazonaws.com", "", false),
    ];
    for (endpoint, more, expected) in rows {
        let account = "account = \"222222222222\"\nregion = \"eu-central-1\"";
        let found = environment(&format!("{account}\nendpoint = \"{endpoint}\"\n{more}"));
        assert_eq!(found.is_path_style(), expected, "{endpoint} {more}");
    }
    assert!(!environment("account = \"222222222222\"\nregion = \"eu-central-1\"").is_path_style());
}

#[test]
fn what_a_bucket_demands_is_said_in_one_of_a_few_ways() {
    let of = |line: &str| config(&changed("", line)).environments.remove(0).demands;
    assert_eq!(of(""), Demands::default());
    for acl in Acl::ALL {
        assert_eq!(of(&format!("acl = \"{}\"", acl.name())).acl, Some(acl));
    }
    assert_eq!(of("encryption = \"AES256\"").encryption, Some(Encryption::Aes256));
    for arn in [
        "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-us-gov:kms:us-gov-west-1:111111111111:alias/site",
        "arn:aws:kms:site-key",
    ] {
        let kms = Some(Encryption::Kms(arn.to_owned()));
        assert_eq!(of(&format!("encryption = {{ kms = \"{arn}\" }}")).encryption, kms);
    }
    expect![[r#"
        10:7: `acl` must be one of "private", "public-read", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"; with "public-read-write" strangers could change the objects
            acl = "public-read-write"
        10:7: `acl` must be one of "private", "public-read", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"
            acl = "public"
        10:7: this must be a string in quotes, but is of type boolean
            acl = true
        10:14: `encryption` must be "AES256" or { kms = "arn:aws:kms:…" }
            encryption = "aes256"
        10:14: `encryption` must be "AES256" or { kms = "arn:aws:kms:…" }
            encryption = "aws:kms"
        10:14: `encryption` must be "AES256" or { kms = "arn:aws:kms:…" }
            encryption = true
        10:22: `kms` must be the ARN of a key or alias, such as "arn:aws:kms:eu-central-1:111111111111:alias/site"
            encryption = { kms = "site" }
        10:22: `kms` must be the ARN of a key or alias, such as "arn:aws:kms:eu-central-1:111111111111:alias/site"
            encryption = { kms = "arn:aws:iam::111111111111:role/a" }
        10:14: `kms` is missing
            encryption = { key = "****" }
        10:16: unknown key `key`; known here: kms
            encryption = { key = "****" }
        10:14: this must be true or false
            path-style = "yes"
    "#]].assert_eq(&table([
        ("", "acl = \"public-read-write\""),
        ("", "acl = \"public\""),
        ("", "acl = true"),
        ("", "encryption = \"aes256\""),
        ("", "encryption = \"aws:kms\""),
        ("", "encryption = true"),
        ("", "encryption = { kms = \"site\" }"),
        ("", "encryption = { kms = \"arn:aws:iam::111111111111:role/a\" }"),
        ("", "encryption = { key = \"arn:aws:kms:a\" }"),
        ("", "path-style = \"yes\""),
    ]));
}

#[test]
fn a_branch_stands_in_a_hosts_name_only_if_the_host_can_be_called_so() {
    let of = |branches: &str, url: &str| {
        let text = changed("", &format!("prefix = \"{{branch}}\"\nurl = \"{url}\""));
        text.replacen("branches = [\"staging\"]", branches, 1)
    };
    let host = "https://{branch}.example.com/";
    let shown = |branches: &str, url: &str| shown(&of(branches, url));
    let rows = [
        shown("branches = [\"feature/login\"]", host),
        shown("branches = [\"feature/*\"]", host),
        shown(
            "branches = [\"main\", \"my_branch\"]",
            "https://{branch}-preview.example.com:8080/a/",
        ),
        shown("branches = [\"release-{1,2}/**\"]", host),
    ];
    expect![[r#"
        11:7: `{branch}` cannot be in a host name here: for `feature/login` it becomes `feature__login`, which is not valid in a host name; write url = "https://example.com/{branch}/"
          url = "https://{branch}.example.com/"
        11:7: `{branch}` cannot be in a host name here: for `feature/x` it becomes `feature__x`, which is not valid in a host name; write url = "https://example.com/{branch}/"
          url = "https://{branch}.example.com/"
        11:7: `{branch}` cannot be in a host name here: for `my_branch` it becomes `my_5Fbranch`, which is not valid in a host name; write url = "https://example.com:8080/a/{branch}/"
          url = "https://{branch}-preview.example.com:8080/a/"
        11:7: `{branch}` cannot be in a host name here: for `release-12/x` it becomes `release-12__x`, which is not valid in a host name; write url = "https://example.com/{branch}/"
          url = "https://{branch}.example.com/"
    "#]].assert_eq(&rows.concat());
    for (branches, url) in [
        ("branches = [\"main\", \"release-1\"]", host),
        ("branches = [\"release-*\"]", host),
        ("branches = [\"**\"]", host),
        ("pull-requests = true", host),
        ("branches = [\"feature/*\"]", "https://example.com/{branch}/"),
    ] {
        assert_eq!(shown(branches, url), "NO PROBLEM\n", "{branches} {url}");
    }
}
