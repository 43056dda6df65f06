//! What the address of a store reveals: whether it is AWS, in which region, and whether its buckets have host names of
//! their own.

use std::net::IpAddr;

use url::Url;

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub is_https: bool,
    /// In lower case, and without the brackets of an IPv6 address.
    pub host: String,
    /// `None` if it is the scheme's default.
    pub(crate) port: Option<u16>,
    /// Without the slashes at its beginning and end.
    pub(crate) path: String,
}

/// The domains of AWS's own services, by partition. The last one is for dual-stack addresses.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
const AWS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"];

/// Domains of private networks, which have no wildcard names.
/// <https://www.rfc-editor.org/rfc/rfc6762#appendix-G>, <https://www.rfc-editor.org/rfc/rfc8375>
const PRIVATE: [&str; 10] = [
    ".localhost",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".home.arpa",
    ".test",
];

/// Stores whose addresses are `s3.REGION` followed by one of these.
const STORES_WITH_REGIONS: [&str; 4] =
    [".backblazeb2.com", ".scw.cloud", ".io.cloud.ovh.net", ".wasabisys.com"];

impl Address {
    /// `None` if the text is not the address of a server: it has another scheme, no host, a query, a fragment, or
    /// characters that no host name has.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        // A browser mends these, and takes `https:///a` for `https://a`; the SDK does not.
        if rest.starts_with('/')
            || rest.contains(['?', '#', '@', '\\'])
            || rest.contains(char::is_whitespace)
        {
            return None;
        }
        let authority = rest.split('/').next()?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let url = Url::parse(text).ok().filter(|_| authority.chars().all(is_plain))?;
        Some(Address {
            is_https: url.scheme() == "https",
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port(),
            path: url.path().trim_matches('/').to_owned(),
        })
    }

    /// The same address with another host and without a path, to be pasted by a user.
    pub fn with_host(&self, host: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }

    /// Whether it is an address of AWS, with accounts, and with STS at an address of its own.
    pub(crate) fn is_aws(&self) -> bool {
        AWS.iter().any(|domain| self.host.ends_with(domain))
    }

    /// Whether requests to it stay on this machine.
    pub fn is_loopback(&self) -> bool {
        let is_name = self.host == "localhost" || self.host.ends_with(".localhost");
        is_name || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether no bucket can have a host name below this one, because it is an IP address or a name in a private
    /// network.
    pub(crate) fn has_no_bucket_names(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
            || !self.host.contains('.')
            || PRIVATE.iter().any(|domain| self.host.ends_with(domain))
    }

    /// The region in the host name.
    pub(crate) fn region(&self) -> Option<&str> {
        if self.is_aws() {
            let labels = self.labels().into_iter();
            let mut named = labels.map(|label| label.strip_prefix("s3-").unwrap_or(label));
            return named.find(|label| is_region(label));
        }
        let region_of = |domain: &&str| self.host.strip_suffix(*domain)?.strip_prefix("s3.");
        STORES_WITH_REGIONS.iter().find_map(region_of).filter(|region| !region.contains('.'))
    }

    /// The labels before AWS's domain.
    pub(crate) fn labels(&self) -> Vec<&str> {
        let before = AWS.iter().find_map(|domain| self.host.strip_suffix(domain));
        before.unwrap_or(&self.host).split('.').collect()
    }

    /// Whether a label of an AWS address asks for this kind of address.
    pub(crate) fn is_dual_stack(&self) -> bool {
        self.host.ends_with(".api.aws") || self.labels().contains(&"dualstack")
    }

    pub(crate) fn is_fips(&self) -> bool {
        self.labels().iter().any(|label| *label == "s3-fips" || label.starts_with("s3-fips-"))
    }
}

/// `eu-central-1`, `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let words: Vec<&str> = label.split('-').collect();
    let is_number = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    match words.split_last() {
        Some((number, names)) => {
            (2..=3).contains(&names.len())
                && (names[0].len() == 2 || names[0] == "eusc")
                && names.iter().all(is_word)
                && is_number(number)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn an_address_is_taken_apart() {
        let shown = |text: &str| {
            let Address { is_https, host, port, path } = of(text);
            (is_https, host, port, path)
        };
        let row = |https, host: &str, port, path: &str| (https, host.into(), port, path.into());
        assert_eq!(shown("https://S3.example.net/"), row(true, "s3.example.net", None, ""));
        assert_eq!(shown("http://minio:9000"), row(false, "minio", Some(9000), ""));
        assert_eq!(shown("http://my_minio:9000//a/b/"), row(false, "my_minio", Some(9000), "a/b"));
        assert_eq!(shown("http://[::1]:9000/a"), row(false, "::1", Some(9000), "a"));
        assert_eq!(shown("http://[fd00::7]"), row(false, "fd00::7", None, ""));
        assert_eq!(shown("https://a:443/b"), row(true, "a", None, "b"));
        assert_eq!(shown("http://[FD00:0::7]:80"), row(false, "fd00::7", None, ""));
        assert_eq!(shown("http://127.1:9000"), row(false, "127.0.0.1", Some(9000), ""));
        for none in [
            "s3://site",
            "minio:9000",
            "https://",
            "https:///a",
            "https://a b",
            "https://a?b",
            "https://a/#b",
            "https://a:b",
            "https://a:99999",
            "https://u@a",
            "https://[a]",
            "https://[::1",
            "https://b\u{fc}cher.example",
            "https://%61",
            "https://a\\b",
            "HTTPS://a",
            "https://{branch}.example.com",
        ] {
            assert_eq!(Address::parse(none), None, "{none}");
        }
    }

    #[test]
    fn an_address_of_aws_tells_its_region_and_its_kind() {
        let rows = [
            ("https://s3.amazonaws.com", None, false, false),
            ("https://s3.eu-central-1.amazonaws.com", Some("eu-central-1"), false, false),
            ("https://s3-eu-west-1.amazonaws.com", Some("eu-west-1"), false, false),
            ("https://s3.dualstack.eu-central-1.amazonaws.com", Some("eu-central-1"), true, false),
            ("https://s3-fips.us-east-1.amazonaws.com", Some("us-east-1"), false, true),
            ("https://s3-fips.dualstack.us-west-2.amazonaws.com", Some("us-west-2"), true, true),
            ("https://s3-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1"), false, true),
            ("https://s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1"), false, false),
            ("https://s3-accelerate.amazonaws.com", None, false, false),
            ("https://s3-accelerate.dualstack.amazonaws.com", None, true, false),
            (
                "https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com",
                Some("us-east-1"),
                false,
                false,
            ),
        ];
        for (text, region, dual_stack, fips) in rows {
            let address = of(text);
            assert!(address.is_aws(), "{text}");
            let found = (address.region(), address.is_dual_stack(), address.is_fips());
            assert_eq!(found, (region, dual_stack, fips), "{text}");
        }
        for text in [
            "https://amazonaws.com",
            "https://s3.amazonaws.com.example.net",
            "https://myamazonaws.com",
            "http://127.0.0.1:9000",
        ] {
            assert!(!of(text).is_aws(), "{text}");
        }
    }

    #[test]
    fn some_other_stores_have_their_region_in_their_name() {
        let b2 = of("https://s3.us-west-004.backblazeb2.com");
        assert_eq!(b2.region(), Some("us-west-004"));
        assert_eq!(of("https://s3.fr-par.scw.cloud").region(), Some("fr-par"));
        assert_eq!(of("https://s3.example.net").region(), None);
        assert_eq!(of("https://site.s3.fr-par.scw.cloud").region(), None);
        assert_eq!(of("https://account.r2.cloudflarestorage.com").region(), None);
    }

    #[test]
    fn a_private_name_has_no_names_for_buckets_and_only_loopback_is_this_machine() {
        let rows = [
            ("http://127.0.0.1:9000", true, true),
            ("http://127.8.8.8", true, true),
            ("http://[::1]:9000", true, true),
            ("http://localhost:9000", true, true),
            ("http://s3.localhost:9000", true, true),
            ("http://10.0.0.7:9000", true, false),
            ("http://minio:9000", true, false),
            ("http://s3.corp.lan", true, false),
            ("http://minio.default.svc.cluster.local:9000", true, false),
            ("http://host.docker.internal:9000", true, false),
            ("https://s3.example.net", false, false),
            ("https://localhost.example.net", false, false),
            ("https://account.r2.cloudflarestorage.com", false, false),
        ];
        for (text, without_names, loopback) in rows {
            let address = of(text);
            assert_eq!(address.has_no_bucket_names(), without_names, "{text}");
            assert_eq!(address.is_loopback(), loopback, "{text}");
        }
    }
}
