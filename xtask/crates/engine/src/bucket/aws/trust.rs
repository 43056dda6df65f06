//! Whose certificates are trusted: those of this machine's authorities, and of the ones in `AWS_CA_BUNDLE`, as in the
//! AWS CLI. If a company inspects all traffic, or the store has an authority of its own, that authority must be named
//! there.
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html>
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the machine's authorities. The HTTP client reads them and ignores what it
//! cannot use, so they are checked again here once a certificate is not trusted.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, RootCertStore};

/// A variable that names certificates which cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Useless {
    pub variable: &'static str,
    pub path: String,
    pub why: String,
}

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Its authority is not trusted.
    Untrusted,
    /// It is the certificate of an authority itself, which cannot be that of a host.
    Authority,
    Expired,
    NotValidYet,
    /// It belongs to another host.
    Name,
    /// It was revoked.
    Revoked,
    /// It cannot be used for this: it is not for servers, its format is too old, or it is damaged.
    Unfit,
    /// The host requires a certificate of this machine.
    Client,
    /// The other side does not speak TLS, or no secure version of it.
    Protocol,
}

const BUNDLE: &str = "AWS_CA_BUNDLE";
const FILE: &str = "SSL_CERT_FILE";
const FOLDER: &str = "SSL_CERT_DIR";

type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The certificates in `AWS_CA_BUNDLE`, as PEM that the HTTP client accepts; `None` if the variable is not set, or
/// names the file that is read anyway.
pub fn bundle(var: Vars) -> Result<Option<Vec<u8>>, Useless> {
    let Some(path) = var(BUNDLE).filter(|path| var(FILE).as_ref() != Some(path)) else {
        return Ok(None);
    };
    let certificates = usable(Path::new(&path));
    let certificates = certificates.map_err(|why| Useless { variable: BUNDLE, path, why })?;
    let mut pem = Vec::new();
    for certificate in certificates {
        pem.extend(b"-----BEGIN CERTIFICATE-----\n");
        pem.extend(base64_simd::STANDARD.encode_to_string(&certificate).into_bytes());
        pem.extend(b"\n-----END CERTIFICATE-----\n");
    }
    Ok(Some(pem))
}

/// Which of the variables that the HTTP client reads names nothing that can be used.
pub fn useless(var: Vars) -> Option<Useless> {
    let is_set = |name| std::env::var_os(name).is_some();
    let useless = |variable, why: String| {
        Some(Useless { variable, path: var(variable).unwrap_or_default(), why })
    };
    match var(FILE) {
        Some(path) => match usable(Path::new(&path)) {
            Ok(_) => {}
            Err(why) => return useless(FILE, why),
        },
        None if is_set(FILE) => return useless(FILE, "it is set and empty".into()),
        None => {}
    }
    let folders = var(FOLDER)?;
    let is_useless =
        std::env::split_paths(&folders).all(|folder| std::fs::read_dir(folder).is_err());
    if is_useless { useless(FOLDER, "the folder cannot be read".into()) } else { None }
}

/// The certificates in a file that can be authorities, or why there are none.
fn usable(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut checked = RootCertStore::empty();
    let all = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    let usable: Vec<_> =
        all.filter(|certificate| checked.add(certificate.clone()).is_ok()).collect();
    if usable.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(usable)
}

/// What TLS found wrong with the other side; `None` if the error is a different one, or may go away with the next try.
pub fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<Distrust> {
    use rustls::AlertDescription as Alert;
    let error = std::iter::successors(Some(error), |error| below(*error))
        .find_map(|error| error.downcast_ref::<rustls::Error>())?;
    match error {
        rustls::Error::InvalidCertificate(error) => Some(of_certificate(error)),
        rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_) => {
            Some(Distrust::Protocol)
        }
        rustls::Error::NoCertificatesPresented => Some(Distrust::Unfit),
        rustls::Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnknownCA => Some(Distrust::Client),
            Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => {
                Some(Distrust::Protocol)
            }
            Alert::UnrecognisedName => Some(Distrust::Name),
            _ => None,
        },
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> Distrust {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Other, Revoked, UnknownIssuer,
    };
    match error {
        Expired | ExpiredContext { .. } => Distrust::Expired,
        NotValidYet | NotValidYetContext { .. } => Distrust::NotValidYet,
        NotValidForName | NotValidForNameContext { .. } => Distrust::Name,
        UnknownIssuer => Distrust::Untrusted,
        Revoked => Distrust::Revoked,
        // This error is of a type from the library with which rustls checks certificates. That library is not a
        // dependency here.
        Other(error) if error.to_string().contains("CaUsedAsEndEntity") => Distrust::Authority,
        _ => Distrust::Unfit,
    }
}

/// The next error in a chain. The error inside an I/O error is not its source.
fn below<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e (dyn std::error::Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn what_another_try_cannot_mend_is_told_from_what_it_can() {
        use CertificateError::{
            BadEncoding, BadSignature, Expired, InvalidPurpose, NotValidForName, NotValidYet,
            Other, Revoked, UnknownIssuer,
        };
        use rustls::AlertDescription::{
            CertificateRequired, HandshakeFailure, InternalError, UnrecognisedName,
        };
        let wrapped = |error: rustls::Error| {
            std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, error))
        };
        let cases = [
            (rustls::Error::InvalidCertificate(UnknownIssuer), Some(Distrust::Untrusted)),
            (rustls::Error::InvalidCertificate(BadSignature), Some(Distrust::Unfit)),
            (rustls::Error::InvalidCertificate(BadEncoding), Some(Distrust::Unfit)),
            (rustls::Error::InvalidCertificate(InvalidPurpose), Some(Distrust::Unfit)),
            (rustls::Error::InvalidCertificate(Revoked), Some(Distrust::Revoked)),
            (rustls::Error::InvalidCertificate(Expired), Some(Distrust::Expired)),
            (rustls::Error::InvalidCertificate(NotValidYet), Some(Distrust::NotValidYet)),
            (
                rustls::Error::InvalidCertificate(Other(OtherError(Arc::new(
                    std::io::Error::other("CaUsedAsEndEntity"),
                )))),
                Some(Distrust::Authority),
            ),
            (rustls::Error::InvalidCertificate(NotValidForName), Some(Distrust::Name)),
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                Some(Distrust::Protocol),
            ),
            (rustls::Error::NoCertificatesPresented, Some(Distrust::Unfit)),
            (rustls::Error::AlertReceived(CertificateRequired), Some(Distrust::Client)),
            (rustls::Error::AlertReceived(HandshakeFailure), Some(Distrust::Protocol)),
            (rustls::Error::AlertReceived(UnrecognisedName), Some(Distrust::Name)),
            (rustls::Error::AlertReceived(InternalError), None),
        ];
        for (error, expected) in cases {
            let shown = format!("{error:?}");
            assert_eq!(distrust(&wrapped(error)), expected, "{shown}");
        }
        assert_eq!(distrust(&std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None);
    }
}
