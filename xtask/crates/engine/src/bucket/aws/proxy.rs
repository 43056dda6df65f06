//! Which proxy leads to a host, according to the variables that `curl`, `git` and the AWS CLI also read.
//! <https://everything.curl.dev/usingcurl/proxies/env.html>
//!
//! Two kinds of hosts are never reached through a proxy: this machine, because a proxy would take the name for itself,
//! and the addresses at which a cloud gives a machine its credentials, because they exist only on that machine.

mod direct;

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::base::redact;

use direct::{Pattern, is_here, patterns};

/// The content of the variables.
#[derive(Debug)]
pub struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    /// The hosts that need no proxy.
    direct: Vec<Pattern>,
}

/// A variable and the proxy that it names.
type Named = (&'static str, Result<Proxy, Unusable>);

/// Why a value is not the address of a proxy. It never repeats the value, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    Socks,
    Scheme,
    Host,
    Port,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// `scheme://host:port`, or without the port if the scheme implies it.
    pub address: String,
    /// The user and the password, both percent-encoded.
    pub login: Option<(String, String)>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub is_https: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: Option<u16>,
}

impl Place {
    /// `None` if it is not an absolute address.
    pub fn of(uri: &str) -> Option<Place> {
        let (scheme, rest) = uri.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = split_port(authority)?;
        Some(Place { is_https: scheme.eq_ignore_ascii_case("https"), host: host.into(), port })
    }

    /// For a text that is not an address: the HTTP client will report it.
    pub fn nowhere() -> Place {
        Place { is_https: false, host: String::new(), port: None }
    }
}

impl Proxy {
    /// `host:port`, as written in the variable.
    pub fn host(&self) -> &str {
        self.address.split_once("://").map_or(&self.address, |(_, host)| host)
    }

    pub fn has_tls(&self) -> bool {
        self.address.starts_with("https://")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { host, port, .. } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{host}{close}")?;
        port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl Proxies {
    /// `var` returns variables that are set and not empty: CI systems export unset variables as empty ones.
    pub fn read(var: &dyn Fn(&str) -> Option<String>) -> Proxies {
        let first = |names: &[&'static str]| {
            let found = names.iter().find_map(|name| Some((*name, var(name)?)));
            found.map(|(name, value)| (name, parse(name, &value)))
        };
        let all = || first(&["all_proxy", "ALL_PROXY"]);
        // A web server passes the `Proxy` header of a request to its scripts as HTTP_PROXY: <https://httpoxy.org>.
        let http: &[_] = match var("REQUEST_METHOD") {
            Some(_) => &["http_proxy"],
            None => &["http_proxy", "HTTP_PROXY"],
        };
        let direct = var("no_proxy").or_else(|| var("NO_PROXY")).unwrap_or_default();
        Proxies {
            http: first(http).or_else(all),
            https: first(&["https_proxy", "HTTPS_PROXY"]).or_else(all),
            direct: patterns(&direct),
        }
    }

    /// The proxy for a place; `None` if it is reached directly. An error names the variable.
    pub fn of(&self, place: &Place) -> Result<Option<&Proxy>, (&'static str, Unusable)> {
        let named = if place.is_https { &self.https } else { &self.http };
        match named {
            Some(_) if is_here(&place.host) => Ok(None),
            Some(_) if self.direct.iter().any(|pattern| pattern.matches(place)) => Ok(None),
            Some((variable, proxy)) => proxy.as_ref().map(Some).map_err(|why| (*variable, *why)),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.address, self.variable)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unusable::Socks => "it names a SOCKS proxy, and only HTTP proxies can be used",
            Unusable::Scheme => "it begins with neither http:// nor https://",
            Unusable::Host => "it does not name a host",
            Unusable::Port => "its port is not a number",
        })
    }
}

fn parse(variable: &'static str, value: &str) -> Result<Proxy, Unusable> {
    let (scheme, rest) = value.trim().split_once("://").unwrap_or(("http", value.trim()));
    // A password that is not encoded may contain any character, so the login ends at the last `@`.
    let (login, authority) = match rest.rsplit_once('@') {
        Some((login, authority)) => (Some(keep_secret(login)), authority),
        None => (None, rest),
    };
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {}
        socks if socks.starts_with("socks") => return Err(Unusable::Socks),
        _ => return Err(Unusable::Scheme),
    }
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, _) = split_port(authority).ok_or(Unusable::Port)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || !(host.chars().all(is_name) || host.parse::<Ipv6Addr>().is_ok()) {
        return Err(Unusable::Host);
    }
    Ok(Proxy { variable, address: format!("{scheme}://{authority}"), login })
}

/// Reads a login, and hides it from all output in each form in which it could get there.
fn keep_secret(login: &str) -> (String, String) {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let plain = (decode(user), decode(password));
    let header = base64_simd::STANDARD.encode_to_string(format!("{}:{}", plain.0, plain.1));
    for secret in [login, password, &plain.1, &header] {
        redact::keep(secret);
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    (encode(&plain.0), encode(&plain.1))
}

/// A host, without brackets, and its port. `None` if the port is not a number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        // More than one colon means an IPv6 address without brackets.
        None if authority.matches(':').count() > 1 => (authority, None),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    match port {
        None | Some("") => Some((host, None)),
        Some(port) => Some((host, Some(port.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Proxies {
        let var = |name: &str| {
            let found = variables.iter().find(|(other, value)| *other == name && !value.is_empty());
            found.map(|(_, value)| (*value).to_owned())
        };
        Proxies::read(&var)
    }

    /// The variable and the address through which a place is reached, or why it cannot be reached.
    fn through(variables: &[(&str, &str)], uri: &str) -> String {
        let place = Place::of(uri).expect("an absolute address");
        match read(variables).of(&place) {
            Ok(None) => "directly".into(),
            Ok(Some(proxy)) => format!("{proxy:?}"),
            Err((variable, why)) => format!("{variable}: {why}"),
        }
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let (one, two) = ("http://one:1", "http://two:2");
        let (http, https) = ("http://store.example/a", "https://store.example/a");
        type Variables = [(&'static str, &'static str)];
        let cases: [(&Variables, &str, &str); 13] = [
            (&[], https, "directly"),
            (&[("HTTPS_PROXY", one)], https, "http://one:1 of HTTPS_PROXY"),
            (&[("HTTPS_PROXY", one)], http, "directly"),
            (&[("https_proxy", one), ("HTTPS_PROXY", two)], https, "http://one:1 of https_proxy"),
            (&[("https_proxy", ""), ("HTTPS_PROXY", two)], https, "http://two:2 of HTTPS_PROXY"),
            (&[("HTTP_PROXY", one)], http, "http://one:1 of HTTP_PROXY"),
            (&[("HTTP_PROXY", one)], https, "directly"),
            (&[("HTTP_PROXY", one), ("REQUEST_METHOD", "GET")], http, "directly"),
            (&[("http_proxy", one), ("REQUEST_METHOD", "GET")], http, "http://one:1 of http_proxy"),
            (&[("ALL_PROXY", one)], http, "http://one:1 of ALL_PROXY"),
            (&[("all_proxy", one), ("https_proxy", two)], https, "http://two:2 of https_proxy"),
            (
                &[("ALL_PROXY", "socks5h://one:1")],
                https,
                "ALL_PROXY: it names a SOCKS proxy, and only HTTP proxies can be used",
            ),
            (&[("ALL_PROXY", "socks5h://one:1"), ("NO_PROXY", "example")], https, "directly"),
        ];
        for (variables, uri, expected) in cases {
            assert_eq!(through(variables, uri), expected, "{variables:?} {uri}");
        }
    }

    #[test]
    fn a_proxy_is_written_in_many_ways() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let cases = [
            ("proxy.example", Ok(("http://proxy.example", None))),
            (" proxy:3128/ ", Ok(("http://proxy:3128", None))),
            ("HTTPS://proxy:3128", Ok(("https://proxy:3128", None))),
            ("http://[::1]:3128/path?query", Ok(("http://[::1]:3128", None))),
            ("http://me:a%40b@proxy", Ok(("http://proxy", login("me", "a%40b")))),
            ("http://me:a/b@c@proxy:1", Ok(("http://proxy:1", login("me", "a%2Fb%40c")))),
            ("me@proxy", Ok(("http://proxy", login("me", "")))),
            ("", Err(Unusable::Host)),
            ("http://", Err(Unusable::Host)),
            ("http://:3128", Err(Unusable::Host)),
            ("http://two words", Err(Unusable::Host)),
            ("http://proxy:port", Err(Unusable::Port)),
            ("http://proxy:99999", Err(Unusable::Port)),
            ("ftp://proxy", Err(Unusable::Scheme)),
            ("socks4://proxy", Err(Unusable::Socks)),
        ];
        for (value, expected) in cases {
            let parsed = parse("ALL_PROXY", value).map(|proxy| (proxy.address, proxy.login));
            let expected = expected.map(|(address, login)| (address.to_owned(), login));
            assert_eq!(parsed, expected, "{value}");
        }
    }

    #[test]
    fn a_login_is_hidden_in_each_form() {
        keep_secret("someone:p%40ssword-of-this-test");
        let shown = redact::hide(
            "p@ssword-of-this-test p%40ssword-of-this-test c29tZW9uZTpwQHNzd29yZC1vZi10aGlzLXRlc3Q=",
        );
        assert_eq!(shown, "**** **** ****");
    }

    #[test]
    fn no_proxy_excepts_hosts_domains_and_networks() {
        let cases = [
            ("*", "https://anything.example/", true),
            ("example.com", "https://example.com/", true),
            ("example.com", "https://bucket.EXAMPLE.com./", true),
            ("example.com", "https://notexample.com/", false),
            (".example.com", "https://bucket.example.com/", true),
            (".example.com", "https://example.com/", true),
            ("*.example.com", "https://a.b.example.com/", true),
            ("other, example.com", "https://example.com/", true),
            ("other example.com", "https://example.com/", true),
            ("example.com:9000", "http://example.com:9000/", true),
            ("example.com:9000", "http://example.com/", false),
            ("example.com:443", "https://example.com/", true),
            ("10.0.0.0/8", "http://10.1.2.3:9000/", true),
            ("10.0.0.0/8", "http://11.1.2.3:9000/", false),
            ("10.1.2.3", "http://10.1.2.3/", true),
            ("10.1.2.3:9000", "http://10.1.2.3:9001/", false),
            ("10.1.2.3", "http://10.1.2.30/", false),
            (".3", "http://10.1.2.3/", false),
            ("fd00::/8", "http://[fd00:1::2]:9000/", true),
            ("[fd00::1]:9000", "http://[fd00::1]:9000/", true),
            ("fd00::1", "http://[fd00::2]/", false),
            ("0.0.0.0/0", "http://example.com/", false),
            ("10.0.0.0/x, ., *.", "http://example.com/", false),
        ];
        for (value, uri, is_direct) in cases {
            let reached = through(&[("ALL_PROXY", "http://proxy"), ("NO_PROXY", value)], uri);
            assert_eq!(reached == "directly", is_direct, "{value} {uri}");
        }
    }

    #[test]
    fn this_machine_and_its_credentials_are_reached_directly() {
        let here =
            ["localhost:9000", "site.localhost", "127.0.0.1:9000", "127.9.9.9", "[::1]:9000"];
        let metadata = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]"];
        for host in here.iter().chain(&metadata) {
            let uri = format!("http://{host}/latest");
            assert_eq!(through(&[("ALL_PROXY", "http://proxy")], &uri), "directly", "{host}");
        }
        for host in ["0.0.0.0", "notlocalhost", "192.168.1.1", "[fd00::1]"] {
            let uri = format!("http://{host}/");
            assert_ne!(through(&[("ALL_PROXY", "http://proxy")], &uri), "directly", "{host}");
        }
    }
}
