//! What a gateway counts itself.

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result_ {
    api: &'static str,
    method: &'static str,
    status: u32,
}

/// What the gateway counts itself.
#[derive(Default)]
pub struct Meters {
    requests: Family<Result_, Counter>,
}

impl Meters {
    pub fn answered(&self, api: &'static str, method: &Method, status: StatusCode) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::OPTIONS => "OPTIONS",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            // Whatever else a client invents is one row.
            _ => "other",
        };
        let status = status.as_u16().into();
        let row = Result_ { api, method, status };
        self.requests.get_or_create(&row).inc();
    }

    /// Adds what has been counted to what `/metrics` tells.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests by API, method and status",
            self.requests.clone(),
        );
    }
}
