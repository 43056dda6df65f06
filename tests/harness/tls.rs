//! A store behind TLS, with a certificate of an authority that no machine knows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
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

impl Tls {
    /// Passes what comes on to `host:port`.
    pub fn to(address: &str, names: &[&str]) -> Tls {
        Tls::until(4000, address, names)
    }

    /// One whose certificate was valid until some year.
    pub fn until(year: i32, address: &str, names: &[&str]) -> Tls {
        let (config, authority) = certified(year, names);
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

    /// How many connections came since the last call.
    pub fn take_accepted(&self) -> usize {
        self.accepted.swap(0, Ordering::Relaxed)
    }
}

fn certified(year: i32, names: &[&str]) -> (ServerConfig, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = authority.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, key);

    let key = KeyPair::generate().expect("a key");
    let mut certificate = CertificateParams::new(names).expect("names");
    certificate.not_after = rcgen::date_time_ymd(year, 1, 1);
    let certificate = certificate.signed_by(&key, &issuer).expect("a certificate");
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

async fn converse(client: TcpStream, acceptor: TlsAcceptor, to: String) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
