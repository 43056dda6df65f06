//! A store behind TLS. Its certificate is from an authority that no machine knows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{block_on, runtime};

pub struct Tls {
    address: SocketAddr,
    /// The certificate of the authority, in PEM.
    pub authority: String,
    accepted: Arc<AtomicUsize>,
}

/// The properties of a host's certificate.
pub struct Certificate {
    /// The years in which it is valid.
    pub valid: std::ops::Range<i32>,
    /// If set, it is self-signed, and the value says whether it is the certificate of an authority. Otherwise an
    /// authority signs it.
    pub is_own_authority: Option<bool>,
    /// It is valid for clients, but not for servers.
    pub is_of_client: bool,
}

impl Default for Certificate {
    fn default() -> Certificate {
        Certificate { valid: 1975..4000, is_own_authority: None, is_of_client: false }
    }
}

impl Tls {
    /// Forwards everything to `host:port`.
    pub fn to(address: &str, names: &[&str]) -> Tls {
        Tls::with(Certificate::default(), address, names)
    }

    /// The same, with a certificate that may be wrong.
    pub fn with(certificate: Certificate, address: &str, names: &[&str]) -> Tls {
        let (config, authority) = certified(certificate, names);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let (address, to) = (listener.local_addr().expect("an address"), address.to_owned());
        let accepted = Arc::<AtomicUsize>::default();
        let counted = accepted.clone();
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(converse(client, acceptor.clone(), to.clone()));
            }
        });
        Tls { address, authority, accepted }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were accepted since the last call.
    pub fn take_accepted(&self) -> usize {
        self.accepted.swap(0, Ordering::Relaxed)
    }
}

fn certified(wanted: Certificate, names: &[&str]) -> (ServerConfig, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().expect("a key");
    let mut certificate = CertificateParams::new(names).expect("names");
    certificate.not_before = rcgen::date_time_ymd(wanted.valid.start, 1, 1);
    certificate.not_after = rcgen::date_time_ymd(wanted.valid.end, 1, 1);
    if wanted.is_of_client {
        certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    }
    let (certificate, pem) = match wanted.is_own_authority {
        Some(is_authority) => {
            certificate.is_ca = match is_authority {
                true => IsCa::Ca(BasicConstraints::Unconstrained),
                false => IsCa::ExplicitNoCa,
            };
            let certificate = certificate.self_signed(&key).expect("a certificate");
            let pem = certificate.pem();
            (certificate, pem)
        }
        None => {
            let (issuer, pem) = authority();
            (certificate.signed_by(&key, &issuer).expect("a certificate"), pem)
        }
    };
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key is the certificate's");
    (config, pem)
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = authority.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(authority, key), pem)
}

async fn converse(client: TcpStream, acceptor: TlsAcceptor, to: String) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
