//! Connects the C functions with the cluster.

use std::sync::Arc;
use std::time::Duration;

#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as gateway;
#[cfg(feature = "gateway")]
use super::gateway_enabled as gateway;
use super::list::ListRange;
use super::types::*;
use crate::calls::{Caller, ControlCounts, ControlOperation, Filter, RecordingView};
use crate::cluster::ClusterRecorder;
use crate::handles::{self, Handle};
use crate::recorder::{ClusterStatistics, Recorder};
use crate::text::Text;
use crate::types::{Error, Result, Status};

/// The status of all functions in a build without a cluster.
pub const fn refused(
    _engine: rec_engine,
    _operation: Option<i32>,
    _error: *mut rec_error,
) -> Option<rec_status> {
    None
}

/// The recorder over the cluster of an engine.
pub struct NodeRecorder(ClusterRecorder);

impl NodeRecorder {
    /// Fails inside a callback, which would wait.
    pub fn of(engine: Handle, timeout: Option<Duration>) -> Result<NodeRecorder> {
        let node = handles::engine::cluster(engine)?;
        if node.engine().bus().is_inside() {
            return Err(Error::new(
                Status::InCallback,
                "the function would wait for Redis inside a callback",
            ));
        }
        gateway::refuse_in_callback()?;
        Ok(NodeRecorder(ClusterRecorder::new(node, timeout)))
    }

    /// A page of a list, and where the next page begins.
    pub fn page(
        &self,
        caller: &Caller,
        filter: &Filter,
        range: &ListRange,
    ) -> Result<(Vec<RecordingView>, Text)> {
        let page = self
            .0
            .list_page(caller, filter, range.cursor.as_str(), range.limit as usize)?;
        Ok((page.recordings, Text::from(page.cursor)))
    }

    pub fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView> {
        self.0.get(caller, id)
    }

    pub fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()> {
        self.0.control_by_id(caller, operation, id)
    }

    pub fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts> {
        self.0.control_by_line(caller, operation, device, number)
    }

    pub fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<ControlCounts> {
        self.0.control_by_call(caller, operation, call_id, url)
    }
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
