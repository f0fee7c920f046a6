//! The published HTTP APIs, over real sockets and over `rec_http_handle`.

mod support;

#[path = "gateway/callbacks.rs"]
mod callbacks;
#[path = "gateway/imagicle.rs"]
mod imagicle;
#[path = "gateway/kit.rs"]
mod kit;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/receiver.rs"]
mod receiver;
#[path = "gateway/vobiz.rs"]
mod vobiz;
