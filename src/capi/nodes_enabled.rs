//! Connects the C functions with the cluster.

use std::sync::Arc;
use std::time::Duration;

#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as gateway;
#[cfg(feature = "gateway")]
use super::gateway_enabled as gateway;
use super::list::ListRange;
use crate::calls::{Caller, Filter, RecordingView};
use crate::cluster::ClusterRecorder;
use crate::handles::{self, Handle};
use crate::recorder::{ClusterStatistics, Recorder};
use crate::text::Text;
use crate::types::{Error, Result, Status};

/// A recorder over the cluster of an engine. Fails inside a callback, which would wait.
pub fn recorder(engine: Handle, timeout: Option<Duration>) -> Result<Box<dyn Recorder>> {
    Ok(Box::new(cluster_recorder(engine, timeout)?))
}

fn cluster_recorder(engine: Handle, timeout: Option<Duration>) -> Result<ClusterRecorder> {
    let node = handles::engine::cluster(engine)?;
    if node.engine().bus().is_inside() {
        return Err(Error::new(
            Status::InCallback,
            "the function would wait for Redis inside a callback",
        ));
    }
    gateway::refuse_in_callback()?;
    Ok(ClusterRecorder::new(node, timeout))
}

/// A page of a list, and where the next page begins.
pub fn list(
    engine: Handle,
    caller: &Caller,
    filter: &Filter,
    range: &ListRange,
    timeout: Option<Duration>,
) -> Result<(Vec<RecordingView>, Text)> {
    let recorder = cluster_recorder(engine, timeout)?;
    let page = recorder.list_page(caller, filter, range.cursor.as_str(), range.limit as usize)?;
    Ok((page.recordings, Text::from(page.cursor)))
}

/// All zero without a cluster.
pub fn statistics(engine: Handle) -> ClusterStatistics {
    let node = handles::engine::cluster(engine);
    node.map(|node| node.statistics()).unwrap_or_default()
}

/// The recorder for the HTTP APIs of an engine in a cluster.
pub fn gateway_recorder(engine: Handle) -> Option<Arc<dyn Recorder>> {
    let node = handles::engine::cluster(engine).ok()?;
    Some(Arc::new(ClusterRecorder::new(node, None)))
}
