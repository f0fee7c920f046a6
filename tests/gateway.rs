//! The published HTTP APIs, over real sockets and over `rec_http_handle`.

mod support;

#[path = "gateway/audit.rs"]
mod audit;
#[path = "gateway/bayeux.rs"]
mod bayeux;
#[cfg(feature = "faults")]
#[path = "gateway/callback_faults.rs"]
mod callback_faults;
#[path = "gateway/callbacks.rs"]
mod callbacks;
#[path = "gateway/comet.rs"]
mod comet;
#[path = "gateway/comet_client.rs"]
mod comet_client;
#[path = "gateway/comet_queue.rs"]
mod comet_queue;
#[path = "gateway/genesys.rs"]
mod genesys;
#[path = "gateway/genesys_events.rs"]
mod genesys_events;
#[path = "gateway/genesys_load.rs"]
mod genesys_load;
#[path = "gateway/genesys_resources.rs"]
mod genesys_resources;
#[path = "gateway/genesys_trouble.rs"]
mod genesys_trouble;
#[path = "gateway/handled.rs"]
mod handled;
#[path = "gateway/imagicle.rs"]
mod imagicle;
#[path = "gateway/killed.rs"]
mod killed;
#[path = "gateway/kit.rs"]
mod kit;
#[path = "gateway/life.rs"]
mod life;
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
#[path = "gateway/receiver.rs"]
mod receiver;
#[path = "gateway/recordings.rs"]
mod recordings;
#[path = "gateway/vobiz.rs"]
mod vobiz;
#[path = "gateway/vobiz_stop.rs"]
mod vobiz_stop;
