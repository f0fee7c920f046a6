//! The published HTTP APIs, over real sockets and over `rec_http_handle`.

mod support;

#[path = "gateway/callbacks.rs"]
mod callbacks;
#[path = "gateway/imagicle.rs"]
mod imagicle;
#[path = "gateway/killed.rs"]
mod killed;
#[path = "gateway/kit.rs"]
mod kit;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/plivo.rs"]
mod plivo;
#[path = "gateway/receiver.rs"]
mod receiver;
#[path = "gateway/recordings.rs"]
mod recordings;
#[path = "gateway/vobiz.rs"]
mod vobiz;
