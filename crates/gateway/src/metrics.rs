//! `GET /healthz` and `GET /metrics`.

use http::StatusCode;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::api::ApiGauge;
use super::gateway::Gateway;
use super::http::{HttpResponse, json, response};
use callrec_core::recorder::{Statistics, UploadCounts};

/// Returns 200 while recordings can be started, otherwise 503 with the reason.
pub fn health(gateway: &Gateway) -> HttpResponse {
    match gateway.recorder().statistics() {
        Err(error) => unavailable(&error.message),
        Ok(_) if gateway.engine().is_space_low() => unavailable("too little disk is free"),
        Ok(_) if gateway.engine().can_store().is_err() => unavailable("the storage directory was moved away"),
        Ok(_) => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
    }
}

fn unavailable(reason: &str) -> HttpResponse {
    let body = serde_json::json!({ "status": "unavailable", "reason": reason });
    json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

/// `gauges` are those of the APIs.
pub fn metrics(gateway: &Gateway, gauges: &[ApiGauge]) -> HttpResponse {
    let mut registry = Registry::with_prefix("callrec");
    if let Ok(statistics) = gateway.recorder().statistics() {
        engine_metrics(&mut registry, &statistics);
    }
    if let Some(pending) = gateway.engine().pending_sidecars() {
        let value = ConstGauge::new(pending as i64);
        registry.register("sidecars_waiting", "Sidecars not written yet", value);
    }
    if let Some(counts) = gateway.engine().upload_counts() {
        upload_metrics(&mut registry, &counts);
    }
    for gauge in gauges {
        let value = ConstGauge::new(gauge.value as i64);
        registry.register(gauge.name, gauge.help, value);
    }
    gateway.request_counters.register(&mut registry);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = text::encode(&mut out, &registry);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response(StatusCode::OK, Some(kind), out)
}

fn upload_metrics(registry: &mut Registry, now: &UploadCounts) {
    let gauges = [
        (
            "uploads_waiting",
            "Recordings that are not uploaded yet",
            now.pending,
        ),
        (
            "uploads_oldest_milliseconds",
            "How long the oldest of them has been waiting",
            now.oldest_ms,
        ),
        (
            "upload_removals_waiting",
            "Deleted recordings whose uploaded copies are not removed yet",
            now.removals_pending,
        ),
    ];
    for (name, help, value) in gauges {
        registry.register(name, help, ConstGauge::new(value as i64));
    }
    registry.register(
        "uploads",
        "Recordings that were uploaded",
        ConstCounter::new(now.done),
    );
    registry.register(
        "uploads_failed",
        "Recordings whose upload was given up",
        ConstCounter::new(now.failed),
    );
}

fn engine_metrics(registry: &mut Registry, now: &Statistics) {
    let gauges = [
        ("live_calls", "Calls that are live", now.live_calls),
        ("live_recordings", "Recordings that are live", now.live_recordings),
        (
            "finishing_recordings",
            "Recordings that are being finished",
            now.finishing_recordings,
        ),
        ("backlog_bytes", "Bytes that wait for the disk", now.backlog_bytes),
        (
            "worker_lag_microseconds",
            "How late the media workers are",
            now.worker_lag_us,
        ),
        ("free_bytes", "Free bytes where recordings go", now.free_bytes),
        (
            "cluster_connected",
            "Whether the list of the cluster shows the recordings",
            now.cluster.is_connected.into(),
        ),
        (
            "cluster_recordings",
            "Live recordings that the list of the cluster shows",
            now.cluster.recordings,
        ),
        (
            "cluster_pending_ends",
            "Ends that the stream of the cluster does not have, or that are not acknowledged",
            now.cluster.pending_ends,
        ),
    ];
    // Unknown values are omitted.
    for (name, help, value) in gauges.into_iter().filter(|row| row.2 != u64::MAX) {
        registry.register(name, help, ConstGauge::new(value as i64));
    }
    let counters = [
        ("frames_in", "Frames handed in", now.frames_in),
        (
            "frames_lost",
            "Frames that never came, came too late, or found their ring full",
            now.frames_lost,
        ),
        ("frames_ignored", "Frames that were no audio", now.frames_ignored),
        ("bytes_out", "Bytes written", now.bytes_out),
        (
            "bytes_dropped",
            "Bytes of audio dropped while the disk stood still",
            now.bytes_dropped,
        ),
        (
            "recordings_deleted",
            "Recordings that were deleted",
            now.recordings_deleted,
        ),
        (
            "events_dropped",
            "Events that nobody took in time",
            now.events_dropped,
        ),
        (
            "cluster_losses",
            "How often the connection to Redis was lost",
            now.cluster.losses,
        ),
        (
            "cluster_commands",
            "Requests of other nodes that were carried out",
            now.cluster.commands,
        ),
        (
            "cluster_late_commands",
            "Requests of other nodes that came too late",
            now.cluster.late_commands,
        ),
    ];
    for (name, help, value) in counters {
        registry.register(name, help, ConstCounter::new(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(now: &Statistics) -> String {
        let mut registry = Registry::default();
        engine_metrics(&mut registry, now);
        let mut out = String::new();
        text::encode(&mut out, &registry).expect("text");
        out
    }

    #[test]
    fn an_unknown_amount_of_free_space_is_left_out() {
        let mut now = Statistics {
            free_bytes: 7,
            ..Statistics::default()
        };
        assert!(encoded(&now).contains("\nfree_bytes 7\n"), "{}", encoded(&now));
        now.free_bytes = u64::MAX;
        assert!(!encoded(&now).contains("free_bytes"), "{}", encoded(&now));
    }
}
