//! The cluster through the C ABI and the HTTP APIs: a gateway here, and a node in a process of its
//! own. What the cluster does when Redis or nodes fail, the tests of `crates/cluster` show.
#![cfg(unix)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "cluster/abi.rs"]
mod abi;
#[path = "cluster/http.rs"]
mod http;
#[path = "cluster/nodes.rs"]
mod nodes;
#[allow(unused_imports)]
#[path = "gateway/server.rs"]
mod server;
#[path = "support/support.rs"]
mod support;
