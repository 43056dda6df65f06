//! Which requests are answered. The preview listens where every page that a browser shows can send requests to:
//! each of these pages may be a stranger's.

use std::net::IpAddr;
use std::process::Command;

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Endings of names that only a local network gives, so that nobody can register one and lead it here.
/// <https://www.iana.org/assignments/special-use-domain-names/>
const LOCAL_ENDINGS: [&str; 6] = ["local", "lan", "home", "home.arpa", "internal", "localdomain"];

/// The names by which this machine may be called.
///
/// A stranger's page can lead a name of its own to this machine (DNS rebinding). Its requests then count as the
/// page's own, but they name the host that the page was loaded from.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// `host` is the name that the user gave.
    pub fn of_this_machine(host: Option<&str>) -> Names {
        Names::new(host, machine().as_deref())
    }

    fn new(host: Option<&str>, machine: Option<&str>) -> Names {
        let mut names: Vec<String> = host.map(str::to_ascii_lowercase).into_iter().collect();
        if let Some(machine) = machine.map(str::to_ascii_lowercase).filter(|name| !name.is_empty())
        {
            let first = machine.split('.').next().unwrap_or_default().to_owned();
            names.extend(LOCAL_ENDINGS.iter().map(|ending| format!("{first}.{ending}")));
            names.extend([first, machine]);
        }
        Names(names)
    }

    /// Whether a request names this machine. One without a host is no browser's.
    pub fn include_host_of(&self, request: &Parts) -> bool {
        match host_of(request) {
            Host::None => true,
            Host::Unreadable => false,
            Host::Named(host) => self.include(name_of(host)),
        }
    }

    fn include(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok()
            || self.0.contains(&name)
    }
}

enum Host<'a> {
    Named(&'a str),
    None,
    Unreadable,
}

/// The host, and its port, that a request is for.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>
fn host_of(request: &Parts) -> Host<'_> {
    match (request.uri.authority(), request.headers.get(HOST)) {
        (Some(authority), _) => Host::Named(authority.as_str()),
        (None, None) => Host::None,
        (None, Some(host)) => host.to_str().map_or(Host::Unreadable, Host::Named),
    }
}

/// The name in a host, without the port and without the brackets of an IPv6 address.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_matches(['[', ']'])
}

/// The host of a request as it stands in an address, without the port.
pub fn host_in_address(request: &Parts) -> Option<String> {
    let Host::Named(host) = host_of(request) else { return None };
    let name = name_of(host);
    Some(if name.contains(':') { format!("[{name}]") } else { name.to_owned() })
}

/// Whether a page of another origin sent a request. A browser says so in one of two headers: `Sec-Fetch-Site`,
/// which it leaves out for plain HTTP to another machine, and `Origin`, which it leaves out for most GETs.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
pub fn is_foreign(request: &Parts) -> bool {
    let mut sites = request.headers.get_all(SEC_FETCH_SITE).iter();
    sites.any(|site| site != "same-origin" && site != "none") || has_other_origin(request, None)
}

/// Whether the `Origin` of a request is neither the one that it is sent to, nor another port of the same host that
/// is allowed too.
pub fn has_other_origin(request: &Parts, also: Option<u16>) -> bool {
    let own = match host_of(request) {
        Host::Named(host) => host.to_ascii_lowercase(),
        Host::None | Host::Unreadable => String::new(),
    };
    let beside = also.and_then(|port| Some(format!("{}:{port}", host_in_address(request)?)));
    let is_own = |origin: &str| {
        let host = origin.split_once("://").map_or("", |(_, host)| host).to_ascii_lowercase();
        host == own || beside.as_deref().is_some_and(|beside| host == beside.to_ascii_lowercase())
    };
    let mut origins = request.headers.get_all(ORIGIN).iter();
    origins.any(|origin| !origin.to_str().is_ok_and(is_own))
}

/// What the machine calls itself.
fn machine() -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| {
        let said = Command::new("hostname").output().ok()?;
        String::from_utf8(said.stdout).ok()
    })?;
    Some(told.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(Request::builder().uri("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let names = Names::new(Some("Preview.Example"), Some("Desk.corp.example"));
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST.:4000", true),
            ("a.localhost:4000", true),
            ("192.168.1.20:4000", true),
            ("[fe80::1]:4000", true),
            ("desk", true),
            ("desk.local:4000", true),
            ("desk.lan", true),
            ("DESK.corp.example", true),
            ("preview.example:80", true),
            ("evil.example", false),
            ("desk.evil.example", false),
            ("other.local", false),
            ("localhost.evil.example", false),
            ("192.168.1.20.evil.example", false),
            ("", false),
        ] {
            assert_eq!(names.include_host_of(&request(&[("host", host)])), expected, "{host}");
        }
        assert!(names.include_host_of(&request(&[])));
        assert!(!Names::new(None, Some("")).include_host_of(&request(&[("host", ".local")])));
    }

    #[test]
    fn a_page_of_another_origin_is_known_by_either_header() {
        let own = ("host", "127.0.0.1:4000");
        for (headers, expected) in [
            (vec![own], false),
            (vec![own, ("sec-fetch-site", "same-origin")], false),
            (vec![own, ("sec-fetch-site", "none")], false),
            (vec![own, ("sec-fetch-site", "same-site")], true),
            (vec![own, ("sec-fetch-site", "cross-site")], true),
            (vec![own, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
            (vec![own, ("origin", "http://127.0.0.1:4000")], false),
            (vec![own, ("origin", "http://127.0.0.1:4001")], true),
            (vec![own, ("origin", "http://evil.example")], true),
            (vec![own, ("origin", "null")], true),
            (vec![own, ("origin", "http://127.0.0.1:4000"), ("origin", "http://evil")], true),
            (vec![("origin", "http://127.0.0.1:4000")], true),
        ] {
            assert_eq!(is_foreign(&request(&headers)), expected, "{headers:?}");
        }
        let beside = |origin| request(&[("host", "[::1]:4000"), ("origin", origin)]);
        assert!(!has_other_origin(&beside("http://[::1]:4001"), Some(4001)));
        assert!(has_other_origin(&beside("http://[::1]:4002"), Some(4001)));
    }
}
