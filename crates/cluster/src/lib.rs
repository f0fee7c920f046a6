//! One registry of the live recordings of many nodes, kept in Redis or Valkey.
//!
//! The nodes' own memory and disks lead. Redis holds nothing that they cannot rebuild, and no
//! call, feed, start or local stop waits for it. With the feature `redis` the crate has:
//!
//! | module | contents |
//! | --- | --- |
//! | `node` | starts and stops an engine's part in the cluster |
//! | `cluster_recorder` | a recorder that lists and controls the recordings of all nodes |
//! | `cluster_requests` | the same, as futures |
//! | `registry_writer` | keeps the node's lease and its recordings in Redis up to date |
//! | `owner` | carries out the commands that other nodes send |
//! | `end_action` | appends the ends of recordings to a stream, from jobs on disk |
//! | `failed_starts` | appends the starts that failed, from memory |
//! | `shared_registry` | the functions that run inside Redis, `registry.lua` |
//! | `link`, `endpoint`, `connection` | the connection, and finding the server |
//!
//! Without the feature it has only the configuration keys ([`settings`], [`address`]).

#![forbid(unsafe_code)]

pub mod address;
#[cfg(feature = "redis")]
mod cluster_recorder;
#[cfg(feature = "redis")]
mod cluster_requests;
#[cfg(feature = "redis")]
mod command;
#[cfg(feature = "redis")]
mod connection;
#[cfg(feature = "redis")]
mod end_action;
#[cfg(feature = "redis")]
mod endpoint;
#[cfg(feature = "redis")]
mod entry;
#[cfg(feature = "redis")]
mod failed_starts;
#[cfg(feature = "redis")]
mod link;
#[cfg(feature = "redis")]
mod node;
#[cfg(feature = "redis")]
mod outcome;
#[cfg(feature = "redis")]
mod owner;
#[cfg(feature = "redis")]
mod pending_command;
#[cfg(feature = "redis")]
mod planted;
#[cfg(feature = "redis")]
mod registry_writer;
#[cfg(feature = "redis")]
mod remote_page;
pub mod settings;
#[cfg(feature = "redis")]
mod shared_registry;

#[cfg(feature = "redis")]
pub use cluster_recorder::ClusterRecorder;
#[cfg(feature = "redis")]
pub use cluster_requests::ClusterPage;
#[cfg(feature = "redis")]
pub use node::ClusterNode;
pub use settings::ClusterSettings;

/// What the simulator of the tests runs on a connection of its own.
#[cfg(feature = "simulation")]
pub mod simulation {
    pub use super::cluster_requests::{ClusterRequest, ClusterRequests, LocalRecorder};
    pub use super::command::CommandTarget;
    pub use super::connection::{CommandConnection, MessageConnection, NodeConnections, NodeConnector};
    pub use super::end_action::append_end;
    pub use super::link::{ClusterLink, TaskSpawner};
    pub use super::planted::{ClusterFault, plant};
    pub use super::registry_writer::RegistryWriter;
    pub use super::shared_registry::StreamEntry;
}
