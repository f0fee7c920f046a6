//! The published HTTP APIs, over real sockets and over `rec_http_handle`.

#[path = "support/support.rs"]
mod support;

#[path = "gateway/adoption.rs"]
mod adoption;
#[path = "gateway/audit.rs"]
mod audit;
#[path = "gateway/bayeux.rs"]
mod bayeux;
#[path = "gateway/bulk_delete.rs"]
mod bulk_delete;
#[cfg(feature = "faults")]
#[path = "gateway/callback_faults.rs"]
mod callback_faults;
#[path = "gateway/callback_migration.rs"]
mod callback_migration;
#[path = "gateway/callbacks.rs"]
mod callbacks;
#[path = "gateway/callbacks_after_kill.rs"]
mod callbacks_after_kill;
#[path = "gateway/chromium.rs"]
mod chromium;
#[path = "gateway/comet.rs"]
mod comet;
#[path = "gateway/comet_client.rs"]
mod comet_client;
#[path = "gateway/comet_queue.rs"]
mod comet_queue;
#[path = "gateway/comet_tabs.rs"]
mod comet_tabs;
#[path = "gateway/cross_origin.rs"]
mod cross_origin;
#[path = "gateway/deletion.rs"]
mod deletion;
#[path = "gateway/gateway_stop.rs"]
mod gateway_stop;
#[path = "gateway/genesys.rs"]
mod genesys;
#[path = "gateway/genesys_devices.rs"]
mod genesys_devices;
#[path = "gateway/genesys_events.rs"]
mod genesys_events;
#[path = "gateway/genesys_failures.rs"]
mod genesys_failures;
#[path = "gateway/genesys_load.rs"]
mod genesys_load;
#[path = "gateway/genesys_names.rs"]
mod genesys_names;
#[path = "gateway/genesys_resources.rs"]
mod genesys_resources;
#[path = "gateway/http_conformance.rs"]
mod http_conformance;
#[path = "gateway/http_handle.rs"]
mod http_handle;
#[path = "gateway/imagicle.rs"]
mod imagicle;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/logins.rs"]
mod logins;
#[path = "gateway/mandatory.rs"]
mod mandatory;
#[path = "gateway/openapi.rs"]
mod openapi;
#[path = "gateway/plivo.rs"]
mod plivo;
#[path = "gateway/published.rs"]
mod published;
#[path = "gateway/receiver.rs"]
mod receiver;
#[path = "gateway/recordings.rs"]
mod recordings;
#[path = "gateway/server.rs"]
mod server;
#[path = "gateway/signed_urls.rs"]
mod signed_urls;
#[cfg(feature = "upload")]
#[path = "gateway/uploads.rs"]
mod uploads;
#[path = "gateway/vendor_sdks.rs"]
mod vendor_sdks;
#[path = "gateway/vobiz.rs"]
mod vobiz;
#[path = "gateway/vobiz_stop.rs"]
mod vobiz_stop;
