//! The address of a CI job. The lock and the record show it to everybody who can read the bucket, so it contains no
//! user, no password and no query: agents are configured with addresses such as `https://user:token@ci.example.com/`.

use super::variables::Vars;

/// The only query that is kept: without it, the address of a run on Azure leads nowhere.
const OWN_QUERY: &str = "/_build/results?buildId=";

pub fn shown(address: &str) -> Option<String> {
    match address.split_once(OWN_QUERY) {
        Some((page, id)) if is_number(id) => Some(format!("{}{OWN_QUERY}{id}", bare(page)?)),
        _ => bare(address),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A text without the logins in its addresses. The text says who deployed, and is from a record or a lock that another
/// version of this tool wrote, or that somebody forged.
pub fn without_logins(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(word_without_login).collect()
}

fn word_without_login(word: &str) -> String {
    let wraps = |c: char| c.is_whitespace() || "()<>[]{}\"'`,;".contains(c);
    let address = word.trim_matches(wraps);
    let has_login = address.contains('@');
    let safe = match address.contains("://") {
        true => shown(address).or_else(|| has_login.then(|| "an address with a login".to_owned())),
        // `kim@laptop` is not a login, but `user:token@host` is one.
        false => address
            .rsplit_once('@')
            .filter(|(login, _)| login.contains(':'))
            .map(|(_, host)| host.to_owned()),
    };
    match safe {
        Some(safe) => word.replacen(address, &safe, 1),
        None => word.to_owned(),
    }
}

/// An address without user, password, query and fragment; `None` if it is not the address of a web page.
fn bare(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // If a password contains a slash, the apparent host ends there, and what follows its colon is not a port.
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map(|(_, port)| port);
    let is_sound = !host.is_empty() && port.is_none_or(is_number) && !path.contains("://");
    is_sound.then(|| format!("{scheme}://{host}{path}"))
}

pub(super) fn github(var: Vars) -> Option<String> {
    let (server, repository) = (var("GITHUB_SERVER_URL")?, var("GITHUB_REPOSITORY")?);
    Some(format!("{server}/{repository}/actions/runs/{}", var("GITHUB_RUN_ID")?))
}

pub(super) fn azure(var: Vars) -> Option<String> {
    let project = var("SYSTEM_TEAMPROJECT")?.replace(' ', "%20");
    let (collection, id) = (var("SYSTEM_COLLECTIONURI")?, var("BUILD_BUILDID")?);
    Some(format!("{collection}{project}{OWN_QUERY}{id}"))
}

pub(super) fn bitbucket(var: Vars) -> Option<String> {
    let (name, number) = (var("BITBUCKET_REPO_FULL_NAME")?, var("BITBUCKET_BUILD_NUMBER")?);
    Some(format!("https://bitbucket.org/{name}/pipelines/results/{number}"))
}

/// In CodeBuild's own address everything that matters comes after `?` and `#`, so the address is made from the build's
/// ARN: `arn:aws:codebuild:eu-central-1:111111111111:build/site:1234`.
pub(super) fn codebuild(var: Vars) -> Option<String> {
    let arn = var("CODEBUILD_BUILD_ARN").unwrap_or_default();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", "aws", "codebuild", region, account, build] => {
            let id = build.strip_prefix("build/")?;
            let (project, _) = id.split_once(':')?;
            Some(format!(
                "https://{region}.console.aws.amazon.com/codesuite/codebuild/{account}/projects/{project}/build/{id}/"
            ))
        }
        _ => var("CODEBUILD_BUILD_URL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_what_is_secret_in_it() {
        for (address, shown) in [
            ("https://ci.example.com/job/7/", Some("https://ci.example.com/job/7/")),
            ("https://user:token@ci.example.com/job/7/?x=1", Some("https://ci.example.com/job/7/")),
            ("https://token@ci.example.com:8080/7#x@y", Some("https://ci.example.com:8080/7")),
            ("HTTP://user:p@ss@ci/7", Some("HTTP://ci/7")),
            ("https://ci/job/@scope/7", Some("https://ci/job/@scope/7")),
            ("https://ci?token=x", Some("https://ci")),
            ("https://user:token@[::1]:8080/7", Some("https://[::1]:8080/7")),
            ("https://user:token@[::1]/7", Some("https://[::1]/7")),
            ("https://user:tok/en@ci/7", None),
            ("https://user:tok\\en@ci/7", None),
            ("https://user:tok?en@ci/7", None),
            ("https://user:tok#en@ci/7", None),
            ("https://user:token@/7", None),
            ("https://ci/https://user:token@host/7", None),
            ("ssh://user@ci/7", None),
            ("user:token@ci/7", None),
            ("", None),
        ] {
            assert_eq!(bare(address).as_deref(), shown, "{address}");
        }
    }

    #[test]
    fn a_text_of_the_bucket_loses_the_logins_in_it_and_nothing_else() {
        for (text, shown) in [
            ("kim@laptop", "kim@laptop"),
            ("", ""),
            ("https://ci.example.com/job/7/", "https://ci.example.com/job/7/"),
            ("https://user:token@ci/job/7", "https://ci/job/7"),
            ("HTTPS://user:token@ci/job/7?token=token", "HTTPS://ci/job/7"),
            ("job 7 (https://token@ci/7), by kim", "job 7 (https://ci/7), by kim"),
            ("https://user:tok/en@ci/7", "an address with a login"),
            ("ssh://git:token@ci/7 now", "an address with a login now"),
            ("user:token@ci/7", "ci/7"),
            ("ssh://ci/7", "ssh://ci/7"),
            ("a: b@c", "a: b@c"),
        ] {
            assert_eq!(without_logins(text), shown, "{text}");
        }
    }
}
