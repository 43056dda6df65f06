//! An HTTP client without a network: it hands each request to the embedded bucket in this process.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use hyper::header::{HOST, HeaderValue};

use local::Service;

pub type Client = SharedHttpClient;

/// A client whose requests `service` answers, whatever host they name.
pub fn client(service: Service) -> Client {
    let connector = SharedHttpConnector::new(Connector(service));
    http_client_fn(move |_, _| connector.clone())
}

struct Connector(Service);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = self.0.clone();
        HttpConnectorFuture::new(async move {
            let refused = |error| ConnectorError::user(Box::new(error));
            let broken = |error| ConnectorError::other(error, None);
            let mut request = request.try_into_http1x().map_err(refused)?;
            // It is signed, and an HTTP client would add it.
            let host = request.uri().authority().map(|host| HeaderValue::try_from(host.as_str()));
            if let Some(Ok(host)) = host {
                request.headers_mut().insert(HOST, host);
            }
            let response = service.answer(request).await.map_err(|error| broken(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(refused)
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in this process")
    }
}
