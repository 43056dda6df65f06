//! The HTTP client of the process. The SDK's own client sends the requests. What it does not know is decided here for
//! each try of a request: which proxy to use, whose certificates to trust, how long to wait for an answer, and which
//! failures are worth another try.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::foreign::Answerer;
use super::line::Line;
use super::pieces::{self, Moved};
use super::proxy::{Place, Proxies, Proxy};
use super::trust::{self, Distrust};
use super::unreached::Unreached;
use super::variable;
use crate::base::limits;

/// All requests share its connections.
pub fn http_client() -> SharedHttpClient {
    static CLIENT: OnceLock<SharedHttpClient> = OnceLock::new();
    CLIENT.get_or_init(|| SharedHttpClient::new(Client(Arc::new(Shared::new())))).clone()
}

/// How long to try a host that has never answered, so that a wrong host is reported soon. This is shorter than a
/// connection timeout, so that a connection is not attempted twice.
const FIRST_CONTACT: Duration = Duration::from_secs(4);

#[derive(Debug)]
struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    proxies: Proxies,
    connectors: Mutex<HashMap<Way, SharedHttpConnector>>,
    contacts: Mutex<HashMap<Place, Contact>>,
    /// One permit for each connection that there may be.
    connections: Semaphore,
}

/// What determines a connector. Each connector has connections of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    proxy: Option<Proxy>,
    has_tls: bool,
    connect: Option<Duration>,
}

/// What is known about a host.
#[derive(Clone, Copy, Debug)]
enum Contact {
    /// The first try was at this time, and the host has not answered yet.
    Tried(Instant),
    Answered,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Sender { shared: self.0.clone(), settings: settings.clone() })
    }
}

/// Sends one try of a request.
#[derive(Debug)]
struct Sender {
    shared: Arc<Shared>,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Sender {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (shared, settings) = (self.shared.clone(), self.settings.clone());
        HttpConnectorFuture::new(async move { shared.send(request, &settings).await })
    }
}

impl Shared {
    fn new() -> Shared {
        Shared {
            proxies: Proxies::read(&variable),
            connectors: Mutex::default(),
            contacts: Mutex::default(),
            connections: Semaphore::new(limits::connections()),
        }
    }

    async fn send(
        &self,
        mut request: HttpRequest,
        settings: &HttpConnectorSettings,
    ) -> Result<HttpResponse, ConnectorError> {
        let place = Place::of(request.uri()).unwrap_or_else(Place::nowhere);
        let proxy = self.proxies.of(&place);
        let proxy = proxy.map_err(|(name, why)| hopeless(Unreached::unusable(name, why)))?;
        let way = Way {
            proxy: proxy.cloned(),
            has_tls: place.is_https || proxy.is_some_and(|proxy| proxy.has_tls()),
            connect: settings.connect_timeout(),
        };
        let connector = self.connector(&way).map_err(hopeless)?;
        let (connection, line) = (captured(&mut request), request.extension::<Line>().cloned());
        let moved = pieces::follow(&mut request);
        // The semaphore is never closed.
        let _connection = self.connections.acquire().await;
        let contact = self.contact(&place);
        let patience = || {
            let line = line.as_ref().map_or(Duration::ZERO, Line::patience);
            settings.read_timeout().map(|time| time + line)
        };
        match in_time(connector.call(request), &moved, patience).await {
            Ok(Ok(mut answer)) => match proxy.filter(|_| answer.status().as_u16() == 407) {
                Some(proxy) => Err(hopeless(Unreached::login(proxy))),
                None => {
                    answer.add_extension(Answerer::of(&place, proxy));
                    self.answered(place, contact);
                    Ok(answer)
                }
            },
            Ok(Err(error)) => Err(judge(error, &place, proxy, contact, connection.get().is_some())),
            Err(time) => Err(silent(&place, proxy, contact, time)),
        }
    }

    fn connector(&self, way: &Way) -> Result<SharedHttpConnector, Unreached> {
        let mut connectors = lock(&self.connectors);
        if let Some(connector) = connectors.get(way) {
            return Ok(connector.clone());
        }
        let connector = SharedHttpConnector::new(connect(way)?);
        connectors.insert(way.clone(), connector.clone());
        Ok(connector)
    }

    fn contact(&self, place: &Place) -> Contact {
        let mut contacts = lock(&self.contacts);
        match contacts.get(place) {
            Some(contact) => *contact,
            None => {
                let contact = Contact::Tried(Instant::now());
                contacts.insert(place.clone(), contact);
                contact
            }
        }
    }

    fn answered(&self, place: Place, contact: Contact) {
        if matches!(contact, Contact::Tried(_)) {
            lock(&self.contacts).insert(place, Contact::Answered);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates the SDK's client. It gets no timeout for answers: that is decided here.
fn connect(way: &Way) -> Result<Connector, Unreached> {
    let mut authorities = TrustStore::empty();
    if way.has_tls {
        authorities = authorities.with_native_roots(true);
        let bundle = trust::bundle(&variable).map_err(|useless| Unreached::useless(&useless))?;
        if let Some(pem) = bundle {
            authorities = authorities.with_pem_certificate(pem);
        }
    }
    let context = TlsContext::builder().with_trust_store(authorities).build();
    let context = context.map_err(|error| Unreached::broken().because(error))?;
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(way.connect);
    let mut connector = Connector::builder()
        .connector_settings(settings.build())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context);
    if let Some(proxy) = &way.proxy {
        let config = ProxyConfig::all(proxy.address.as_str());
        let mut config = config.map_err(|error| Unreached::broken().because(error))?;
        if let Some((user, password)) = &proxy.login {
            config = config.with_basic_auth(user, password);
        }
        connector = connector.proxy_config(config);
    }
    Ok(connector.build())
}

/// Captures the connection that a request will use.
fn captured(request: &mut HttpRequest) -> CaptureSmithyConnection {
    match request.extension::<CaptureSmithyConnection>() {
        Some(captured) => captured.clone(),
        None => {
            let captured = CaptureSmithyConnection::new();
            request.add_extension(captured.clone());
            captured
        }
    }
}

/// The answer. If nothing moves for longer than the time limit, that time.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    moved: &Moved,
    patience: impl Fn() -> Option<Duration>,
) -> Result<T, Duration> {
    let mut answer = pin!(answer);
    let Some(mut wait) = patience() else { return Ok(answer.await) };
    let mut timer = pin!(tokio::time::sleep(wait));
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer),
            () = &mut timer => {}
        }
        wait = patience().unwrap_or(wait);
        let until = moved.last() + wait;
        if until <= Instant::now() {
            return Err(wait);
        }
        timer.as_mut().reset(until);
    }
}

/// An error that the SDK does not retry.
fn hopeless(error: Unreached) -> ConnectorError {
    ConnectorError::other(Box::new(error), None)
}

/// Explains a failure, and decides whether another try may help.
fn judge(
    error: ConnectorError,
    place: &Place,
    proxy: Option<&Proxy>,
    contact: Contact,
    is_connected: bool,
) -> ConnectorError {
    if let Some(why) = trust::distrust(&error) {
        let distrusted = match (proxy, why) {
            // The side that does not speak TLS may be the proxy.
            (Some(proxy), Distrust::Protocol) if proxy.has_tls() => {
                Unreached::host(place, Some(proxy))
            }
            _ => Unreached::distrusted(place, why),
        };
        return hopeless(distrusted.because(error.into_source()));
    }
    if let Some(proxy) = proxy.filter(|_| is_login_wanted(&error)) {
        return hopeless(Unreached::login(proxy));
    }
    let is_transient = error.is_io() || error.is_timeout();
    if is_connected || !is_transient {
        return error;
    }
    let unreached = Unreached::host(place, proxy).because(error.into_source());
    match contact {
        Contact::Tried(since) if since.elapsed() >= FIRST_CONTACT => hopeless(unreached),
        _ => ConnectorError::io(Box::new(unreached)),
    }
}

/// A request was sent, but no answer came. A host that has never answered is not tried again: the network does not lose
/// all of its answers.
fn silent(
    place: &Place,
    proxy: Option<&Proxy>,
    contact: Contact,
    time: Duration,
) -> ConnectorError {
    let silent = Unreached::silent(place, proxy, time);
    match contact {
        Contact::Tried(_) => hopeless(silent),
        Contact::Answered => ConnectorError::timeout(Box::new(silent)),
    }
}

/// Whether a proxy answered 407 to the request for a tunnel. The error says so only in its message.
fn is_login_wanted(error: &ConnectorError) -> bool {
    let first = error as &(dyn std::error::Error + 'static);
    std::iter::successors(Some(first), |error| error.source())
        .any(|error| error.to_string().contains("proxy authorization required"))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::byte_stream::ByteStream;

    use super::*;

    fn moved() -> Moved {
        pieces::follow(&mut HttpRequest::new(SdkBody::empty()))
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_no_longer_than_patience_lasts() {
        let none = || Some(Duration::ZERO);
        assert_eq!(in_time(pending::<()>(), &moved(), none).await, Err(Duration::ZERO));
        assert_eq!(in_time(ready(7), &moved(), none).await, Ok(7));
        assert_eq!(in_time(ready(7), &moved(), || None).await, Ok(7));
    }

    #[tokio::test]
    async fn a_large_body_arrives_whole_and_each_piece_counts_as_a_sign_of_life() {
        let bytes: Vec<u8> = (0..200_001_u32).map(|n| n as u8).collect();
        let mut request = HttpRequest::new(SdkBody::from(bytes.clone()));
        let moved = pieces::follow(&mut request);
        let before = moved.last();
        tokio::time::sleep(Duration::from_millis(2)).await;
        let body = ByteStream::new(request.into_body()).collect().await.expect("a body");
        assert!(body.to_vec() == bytes);
        assert!(moved.last() > before);
    }

    #[test]
    fn a_host_that_answered_once_is_tried_again_and_another_is_given_up_soon() {
        let place = Place::of("https://store.example/a").expect("a place");
        let refused = || ConnectorError::io(std::io::Error::other("refused").into());
        let now = Instant::now();
        let cases = [
            (Contact::Tried(now), false, true),
            (Contact::Tried(now - FIRST_CONTACT), false, false),
            (Contact::Tried(now - FIRST_CONTACT), true, true),
            (Contact::Answered, false, true),
        ];
        for (contact, is_connected, is_tried_again) in cases {
            let error = judge(refused(), &place, None, contact, is_connected);
            assert_eq!(error.is_io(), is_tried_again, "{contact:?}");
        }
        let silent = |contact| silent(&place, None, contact, Duration::from_secs(30)).is_timeout();
        assert!(silent(Contact::Answered) && !silent(Contact::Tried(now)));
    }
}
