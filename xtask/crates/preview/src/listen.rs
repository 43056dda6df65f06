//! The two ports of a preview, and the addresses that lead to them.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tokio::net::TcpListener;

use engine::base::{Failure, failed};

/// The ports that are tried if the user asks for none. If all are taken, any free port is used.
const PORTS: std::ops::Range<u16> = 4000..4020;

/// How many ports after the site's are tried for the tool's own pages. If all are taken, any free port is used.
const NEAR: u16 = 20;

/// One port for the site, one for the tool's own pages: a browser treats two ports as two origins.
pub struct Listeners {
    pub site: TcpListener,
    pub pages: TcpListener,
}

/// Opens the port that the user asks for, or a free one, and a second port.
///
/// # Errors
/// The port is taken, or the address is not one of this machine.
pub async fn listen(host: Option<&str>, port: Option<u16>) -> Result<Listeners, Failure> {
    let named = host.unwrap_or("127.0.0.1");
    let site = listen_for_site(named, port).await?;
    let after = match site.local_addr() {
        Ok(address) if port != Some(0) => address.port(),
        _ => 0,
    };
    let near = (1..=NEAR).filter_map(|step| after.checked_add(step)).filter(|_| after != 0);
    let pages = first_free(named, near).await.map_err(|error| cannot(named, 0, &error))?;
    Ok(Listeners { site, pages })
}

async fn listen_for_site(named: &str, port: Option<u16>) -> Result<TcpListener, Failure> {
    match port {
        Some(port) => bind(named, port).await.map_err(|error| cannot(named, port, &error)),
        None => first_free(named, PORTS).await.map_err(|error| cannot(named, 0, &error)),
    }
}

async fn first_free(
    named: &str,
    ports: impl IntoIterator<Item = u16>,
) -> Result<TcpListener, io::Error> {
    for port in ports {
        if let Ok(listener) = bind(named, port).await {
            return Ok(listener);
        }
    }
    bind(named, 0).await
}

async fn bind(named: &str, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((named.trim_matches(['[', ']']), port)).await
}

fn cannot(named: &str, port: u16, error: &io::Error) -> Failure {
    let place = match port {
        0 => format!("`{named}`"),
        port => format!("port {port} of `{named}`"),
    };
    let failure = failed(format!("failed to listen on {place}")).because(error);
    match error.kind() {
        io::ErrorKind::AddrInUse => failure
            .hint("another program listens there: end it, or leave out --port to use a free one"),
        io::ErrorKind::PermissionDenied => {
            failure.hint("ports below 1024 need privileges: use a higher one")
        }
        _ => failure.hint("--host takes an address of this machine, such as 0.0.0.0"),
    }
}

/// The address for a browser of this machine.
pub fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

/// The addresses for other machines, if the socket listens on all addresses of this machine.
pub fn on_the_network(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return Vec::new();
    }
    // A socket on `::` also accepts IPv4.
    let mut found = BTreeSet::from_iter(source_of(SocketAddr::from((NOBODY, 9))));
    if address.is_ipv6() {
        found.extend(source_of(SocketAddr::from((NOBODY_6, 9))));
    }
    found.into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect()
}

/// Addresses that belong to nobody. Packets to them would take the default route.
/// <https://www.rfc-editor.org/rfc/rfc5737>, <https://www.rfc-editor.org/rfc/rfc3849>
const NOBODY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const NOBODY_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The address of this machine from which it reaches another. Connecting a UDP socket sends nothing.
fn source_of(other: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match other {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(other).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_site_and_the_pages_have_ports_of_their_own() {
        let one = listen(None, Some(0)).await.unwrap();
        let site = one.site.local_addr().unwrap().port();
        assert_ne!(site, one.pages.local_addr().unwrap().port());
        let failure = listen(None, Some(site)).await.map(drop).unwrap_err();
        assert!(failure.to_string().contains(&format!("port {site} of `127.0.0.1`")));
    }

    #[test]
    fn addresses_of_the_network_are_given_only_if_other_machines_are_let_in() {
        assert_eq!(on_the_network(([127, 0, 0, 1], 4000).into()), []);
        assert_eq!(on_the_network(([192, 168, 1, 20], 4000).into()), []);
        for address in on_the_network(([0, 0, 0, 0], 4000).into()) {
            assert!(!address.ip().is_loopback() && address.port() == 4000, "{address}");
        }
    }
}
