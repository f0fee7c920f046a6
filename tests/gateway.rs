//! The published HTTP APIs, over real sockets and over `rec_http_handle`.

mod support;

#[path = "gateway/imagicle.rs"]
mod imagicle;
#[path = "gateway/kit.rs"]
mod kit;
#[path = "gateway/limits.rs"]
mod limits;
