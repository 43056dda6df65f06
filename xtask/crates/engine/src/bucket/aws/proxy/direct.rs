//! Which hosts are reached without a proxy: those that `NO_PROXY` names, and those that only this machine can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Place, split_port};

/// Whether a host is this machine, or serves only this machine.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
pub fn is_here(host: &str) -> bool {
    const EC2: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const EKS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || [EC2, EKS].contains(&address)
        }
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// A domain, in lower case, and everything below it.
    Domain(String),
    /// The addresses that share this many leading bits with this one.
    Network(IpAddr, u8),
}

/// Entries are separated by commas or spaces. `example.com`, `.example.com` and `*.example.com` mean the same.
pub fn patterns(value: &str) -> Vec<Pattern> {
    let entries = value.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.filter_map(pattern).collect()
}

fn pattern(entry: &str) -> Option<Pattern> {
    if entry == "*" {
        return Some(Pattern { hosts: Hosts::All, port: None });
    }
    if let Some((address, bits)) = entry.split_once('/') {
        let hosts = Hosts::Network(address.parse().ok()?, bits.parse().ok()?);
        return Some(Pattern { hosts, port: None });
    }
    let (host, port) = split_port(entry)?;
    let hosts = match host.parse::<IpAddr>() {
        Ok(address) => Hosts::Network(address, 128),
        Err(_) => {
            let domain = host.trim_start_matches('*').trim_matches('.');
            Hosts::Domain(domain.to_ascii_lowercase())
        }
    };
    Some(Pattern { hosts, port })
}

impl Pattern {
    pub fn matches(&self, place: &Place) -> bool {
        let port = place.port.unwrap_or(if place.is_https { 443 } else { 80 });
        self.port.is_none_or(|own| own == port) && self.hosts.contain(&place.host)
    }
}

impl Hosts {
    fn contain(&self, host: &str) -> bool {
        match self {
            Hosts::All => true,
            Hosts::Domain(_) if host.parse::<IpAddr>().is_ok() => false,
            Hosts::Domain(domain) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                let above = host.strip_suffix(domain.as_str());
                !domain.is_empty() && above.is_some_and(|a| a.is_empty() || a.ends_with('.'))
            }
            Hosts::Network(network, bits) => match (network, host.parse()) {
                (IpAddr::V4(network), Ok(IpAddr::V4(address))) => shares(*network, address, *bits),
                (IpAddr::V6(network), Ok(IpAddr::V6(address))) => {
                    (network.to_bits() ^ address.to_bits()).leading_zeros()
                        >= u32::from(*bits).min(128)
                }
                _ => false,
            },
        }
    }
}

fn shares(network: Ipv4Addr, address: Ipv4Addr, bits: u8) -> bool {
    (network.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(bits).min(32)
}
