//! Request counters of a gateway.

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    api: &'static str,
    method: &'static str,
    status: u32,
}

/// Counts requests by API, method and status.
#[derive(Default)]
pub struct RequestCounters {
    requests: Family<RequestLabels, Counter>,
}

impl RequestCounters {
    pub fn count(&self, api: &'static str, method: &Method, status: StatusCode) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::OPTIONS => "OPTIONS",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            // All nonstandard methods share one row.
            _ => "other",
        };
        let status = status.as_u16().into();
        let labels = RequestLabels { api, method, status };
        self.requests.get_or_create(&labels).inc();
    }

    /// Adds the counters to those of `/metrics`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests by API, method and status",
            self.requests.clone(),
        );
    }
}
