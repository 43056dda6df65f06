//! Why a host gave no answer. The message names the host: the HTTP client's own errors do not.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::proxy::{Place, Proxy, Unusable};
use super::trust::{self, Distrust, Useless};

/// A request that got no answer.
#[derive(Debug)]
pub struct Unreached {
    pub what: String,
    pub hint: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as &(dyn Error + 'static))
    }
}

/// Finds it among the causes of an error.
pub fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Unreached> {
    std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref())
}

impl Unreached {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Unreached {
        Unreached { what: what.into(), hint: hint.into(), source: None }
    }

    pub fn because(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Unreached {
        self.source = Some(error.into());
        self
    }

    /// There is no connection to the host, or to the proxy in front of it.
    pub fn host(place: &Place, proxy: Option<&Proxy>) -> Unreached {
        match proxy {
            None => Unreached::new(
                format!("no connection to `{place}`"),
                format!(
                    "check the network, and `region` and `endpoint` in deploy.toml: is `{place}` the right host? behind a proxy, set {}",
                    if place.is_https { "HTTPS_PROXY" } else { "http_proxy" }
                ),
            ),
            Some(proxy) => Unreached::new(
                format!("no connection to `{place}` through the proxy {}", named(proxy)),
                format!(
                    "correct {}, or add `{}` to NO_PROXY to reach it without a proxy",
                    proxy.variable, place.host
                ),
            ),
        }
    }

    /// There is a connection, but no answer came.
    pub fn silent(place: &Place, proxy: Option<&Proxy>, time: Duration) -> Unreached {
        let through = proxy.map(|proxy| format!(" through the proxy {}", named(proxy)));
        Unreached::new(
            format!(
                "no answer from `{place}`{} for {} s",
                through.unwrap_or_default(),
                time.as_secs()
            ),
            format!("try again: the network is slow, or `{place}` does not answer"),
        )
    }

    /// The proxy requires a login, or a different one.
    pub fn login(proxy: &Proxy) -> Unreached {
        let what = match proxy.login {
            Some(_) => "does not accept the login",
            None => "wants a login",
        };
        Unreached::new(
            format!("the proxy {} {what} (HTTP 407)", named(proxy)),
            format!(
                "write the login into {}, with %40 for @ and %3A for a colon: http://USER:PASSWORD@{}",
                proxy.variable,
                proxy.host()
            ),
        )
    }

    /// The HTTP client cannot be created.
    pub fn broken() -> Unreached {
        Unreached::new(
            "the HTTP client cannot be set up",
            "unset the proxy variables and AWS_CA_BUNDLE",
        )
    }

    pub fn unusable(variable: &str, why: Unusable) -> Unreached {
        Unreached::new(
            format!("{variable} is not the address of a proxy: {why}"),
            format!("correct it: {variable}=http://proxy.example.com:3128, or unset {variable}"),
        )
    }

    pub fn useless(useless: &Useless) -> Unreached {
        let Useless { variable, path, why } = useless;
        Unreached::new(
            format!("failed to read certificates from `{path}` of {variable}: {why}"),
            format!("name a file of certificates in PEM with {variable}, or unset {variable}"),
        )
    }

    /// The other side was not accepted.
    pub fn distrusted(place: &Place, why: Distrust) -> Unreached {
        let what = format!("no safe connection to `{place}`");
        let hint = match why {
            Distrust::Untrusted => match trust::useless(&super::variable) {
                Some(useless) => return Unreached::useless(&useless),
                None => format!(
                    "name the authority that signs for `{place}`, a file in PEM, with AWS_CA_BUNDLE or SSL_CERT_FILE; if this machine has no certificates: apt-get install ca-certificates"
                ),
            },
            Distrust::Authority => format!(
                "`{place}` shows an authority's own certificate as that of the host: have the authority sign one for the host and name the authority with AWS_CA_BUNDLE, or make the host's own with openssl req -x509 -addext basicConstraints=critical,CA:FALSE"
            ),
            Distrust::Expired => format!(
                "the certificate of `{place}` has expired: renew it; if it has not, set this machine's clock"
            ),
            Distrust::NotValidYet => format!(
                "the certificate of `{place}` is not valid yet: set this machine's clock, or that of the machine that made the certificate"
            ),
            Distrust::Revoked => {
                format!("the certificate of `{place}` was revoked: put a new one in its place")
            }
            Distrust::Unfit => format!(
                "the certificate of `{place}` cannot be used for a server: make another one, X.509 of version 3, for TLS servers, signed with SHA-256 or better"
            ),
            Distrust::Client => format!(
                "`{place}` wants a certificate of this machine, which this tool does not send: let it take the store's keys alone"
            ),
            Distrust::Name => format!(
                "the certificate of `{place}` is for other names: correct `endpoint` in deploy.toml, or the certificate"
            ),
            Distrust::Protocol => format!(
                "`{place}` does not speak TLS, or only old versions of it: without TLS, `endpoint` in deploy.toml begins with http://"
            ),
        };
        Unreached::new(what, hint)
    }
}

fn named(proxy: &Proxy) -> String {
    format!("`{}` of {}", proxy.host(), proxy.variable)
}
