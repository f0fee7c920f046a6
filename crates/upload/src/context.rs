//! What all attempts to upload recordings and to remove uploaded copies share.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use callrec_core::engine::Engine;
use callrec_core::events::LogLevel;
use callrec_core::storage::{Job, Template};
use callrec_core::sync::Mutex;
use uuid::Uuid;

use super::location::StoreLocation;
use super::object_target::ObjectTarget;
use super::settings::UploadSettings;

/// What all attempts share.
pub struct UploadContext {
    pub engine: Weak<Engine>,
    pub settings: UploadSettings,
    pub location: StoreLocation,
    pub template: Option<Template>,
    /// The value of the placeholder `{host}`.
    pub host: String,
    pub target: Arc<dyn ObjectTarget>,
    pub running: RunningUploads,
}

/// The recordings that are being uploaded.
#[derive(Default)]
pub struct RunningUploads(Mutex<HashSet<Uuid>>);

/// A recording is being uploaded until this is dropped.
pub struct RunningUpload {
    context: Arc<UploadContext>,
    id: Uuid,
}

impl UploadContext {
    pub fn warn(&self, message: String) {
        if let Some(engine) = self.engine.upgrade() {
            engine.bus().log(LogLevel::Warning, message);
        }
    }

    pub fn now_ms(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
    }

    /// Notes that the recording of a job is being uploaded.
    pub fn begin(self: &Arc<UploadContext>, job: &Job) -> Option<RunningUpload> {
        let id = Uuid::try_parse(&job.key).ok()?;
        self.running.0.lock().insert(id);
        Some(RunningUpload {
            context: self.clone(),
            id,
        })
    }
}

impl RunningUploads {
    pub fn contains(&self, id: Uuid) -> bool {
        self.0.lock().contains(&id)
    }
}

impl Drop for RunningUpload {
    fn drop(&mut self) {
        self.context.running.0.lock().remove(&self.id);
    }
}
