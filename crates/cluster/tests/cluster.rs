//! Nodes of a cluster against real Redis servers, which the tests start.
#![cfg(all(feature = "redis", unix))]

#[path = "cluster/access_list.rs"]
mod access_list;
#[path = "cluster/adoption.rs"]
mod adoption;
#[path = "cluster/balance.rs"]
mod balance;
#[path = "cluster/child.rs"]
mod child;
#[path = "cluster/consumers.rs"]
mod consumers;
#[path = "cluster/control.rs"]
mod control;
#[path = "cluster/death.rs"]
mod death;
#[path = "cluster/deleted_ends.rs"]
mod deleted_ends;
#[path = "cluster/encrypted.rs"]
mod encrypted;
#[path = "cluster/ends.rs"]
mod ends;
#[path = "cluster/failed_starts.rs"]
mod failed_starts;
#[path = "cluster/foreign.rs"]
mod foreign;
#[path = "cluster/holding_proxy.rs"]
mod holding_proxy;
#[path = "cluster/late_commands.rs"]
mod late_commands;
#[path = "cluster/lists.rs"]
mod lists;
#[cfg(target_os = "linux")]
#[path = "cluster/namespaces.rs"]
mod namespaces;
#[path = "cluster/outages.rs"]
mod outages;
#[path = "cluster/proxy.rs"]
mod proxy;
#[path = "cluster/server.rs"]
mod server;
#[path = "cluster/test_node.rs"]
mod test_node;
