//! The cluster's functions in a build without the cluster.

use std::sync::Arc;
use std::time::Duration;

use super::convert::operation_of;
use super::guard::run_always;
use super::list::ListRange;
use super::types::*;
use crate::calls::{Caller, ControlCounts, ControlOperation, Filter, RecordingView};
use crate::handles::{self, Handle};
use crate::recorder::{ClusterStatistics, Recorder};
use crate::text::Text;
use crate::types::{Error, Result, Status};

/// The status of all functions, so that the compiler leaves out the rest of them.
#[inline]
pub fn refused(engine: rec_engine, operation: Option<i32>, error: *mut rec_error) -> Option<rec_status> {
    Some(refuse(engine, operation, error))
}

#[inline(never)]
fn refuse(engine: rec_engine, operation: Option<i32>, error: *mut rec_error) -> rec_status {
    run_always(error, || {
        // A wrong operation and an invalid handle are reported as in other builds.
        operation.map(operation_of).transpose()?;
        handles::engine::get(Handle(engine.id))?;
        Err(no_cluster())
    })
}

fn no_cluster() -> Error {
    Error::new(
        Status::Unsupported,
        "this build has no cluster: build with the feature \"cluster\"",
    )
}

/// The recorder over the cluster of an engine. There is none.
pub enum NoCluster {}

pub use NoCluster as NodeRecorder;

impl NoCluster {
    pub fn of(_engine: Handle, _timeout: Option<Duration>) -> Result<NoCluster> {
        Err(no_cluster())
    }

    pub fn page(&self, _: &Caller, _: &Filter, range: &ListRange) -> Result<(Vec<RecordingView>, Text)> {
        // A build with the cluster reads both.
        let ListRange { limit: _, cursor: _ } = range;
        match *self {}
    }

    pub fn get(&self, _: &Caller, _id: &str) -> Result<RecordingView> {
        match *self {}
    }

    pub fn control_by_id(&self, _: &Caller, _: ControlOperation, _id: &str) -> Result<()> {
        match *self {}
    }

    pub fn control_by_line(
        &self,
        _: &Caller,
        _: ControlOperation,
        _device: &Text,
        _number: &Text,
    ) -> Result<ControlCounts> {
        match *self {}
    }

    pub fn control_by_call(
        &self,
        _: &Caller,
        _: ControlOperation,
        _call_id: &Text,
        _url: Option<&Text>,
    ) -> Result<ControlCounts> {
        match *self {}
    }
}

pub fn statistics(_engine: Handle) -> ClusterStatistics {
    ClusterStatistics::default()
}

pub fn gateway_recorder(_engine: Handle) -> Option<Arc<dyn Recorder>> {
    None
}
