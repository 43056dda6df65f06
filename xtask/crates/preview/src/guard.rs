//! Which requests are answered. Any page that a browser shows can send requests to the preview's ports, and any of
//! these pages may be hostile.

use std::net::IpAddr;
use std::process::Command;

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Endings of names that exist only in local networks. Nobody can register such a name and let it lead here.
/// <https://www.iana.org/assignments/special-use-domain-names/>
const LOCAL_ENDINGS: [&str; 6] = ["local", "lan", "home", "home.arpa", "internal", "localdomain"];

/// The names that lead to this machine.
///
/// The owner of a hostile page can let the page's own name lead to this machine (DNS rebinding). The browser then
/// treats the preview as part of that page, but its requests still name the host that the page was loaded from.
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

    /// Whether a request names this machine. Browsers always name a host, so a request without one is harmless.
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

/// The host of a request as it is written in an address, without the port.
pub fn host_in_address(request: &Parts) -> Option<String> {
    let Host::Named(host) = host_of(request) else { return None };
    let name = name_of(host);
    Some(if name.contains(':') { format!("[{name}]") } else { name.to_owned() })
}

/// Whether a page of another origin sent a request. Browsers tell it in two headers, but not always: they leave out
/// `Sec-Fetch-Site` for plain HTTP to another machine, and `Origin` for most GET requests.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
pub fn is_foreign(request: &Parts) -> bool {
    let mut sites = request.headers.get_all(SEC_FETCH_SITE).iter();
    sites.any(|site| site != "same-origin" && site != "none") || has_other_origin(request, None)
}

/// Whether the `Origin` of a request differs from the origin that it is sent to. `also` is another port of the same
/// host that is allowed.
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

/// The host name of this machine.
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
