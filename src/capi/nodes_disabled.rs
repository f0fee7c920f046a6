//! The cluster's functions in a build without the cluster.

use std::sync::Arc;
use std::time::Duration;

use super::list::ListRange;
use crate::calls::{Caller, Filter, RecordingView};
use crate::handles::{self, Handle};
use crate::recorder::{ClusterStatistics, Recorder};
use crate::text::Text;
use crate::types::{Error, Result, Status};

pub fn recorder(engine: Handle, _timeout: Option<Duration>) -> Result<Box<dyn Recorder>> {
    Err(no_cluster(engine))
}

pub fn list(
    engine: Handle,
    _caller: &Caller,
    _filter: &Filter,
    range: &ListRange,
    _timeout: Option<Duration>,
) -> Result<(Vec<RecordingView>, Text)> {
    // A build with the cluster reads both.
    let ListRange { limit: _, cursor: _ } = range;
    Err(no_cluster(engine))
}

pub fn statistics(_engine: Handle) -> ClusterStatistics {
    ClusterStatistics::default()
}

pub fn gateway_recorder(_engine: Handle) -> Option<Arc<dyn Recorder>> {
    None
}

/// An invalid handle is reported as everywhere else.
fn no_cluster(engine: Handle) -> Error {
    let missing = Error::new(
        Status::Unsupported,
        "this build has no cluster: build with the feature \"cluster\"",
    );
    handles::engine::get(engine).err().unwrap_or(missing)
}
