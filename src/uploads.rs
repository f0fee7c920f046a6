//! Opens engines whose recordings are uploaded, in builds with the feature `upload`.

use std::sync::Arc;

use crate::engine::Engine;
use crate::settings::Settings;
use crate::storage::Platform;
use crate::types::Result;

/// Opens an engine and begins to upload its recordings, if `upload.url` is set.
#[cfg(feature = "upload")]
pub fn open(platform: Platform, settings: Settings) -> Result<Arc<Engine>> {
    use crate::upload::Uploader;
    use std::time::Duration;

    /// How long an engine whose uploads cannot be started may take to close.
    const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

    let Settings {
        mut engine, upload, ..
    } = settings.completed();
    // Before the engine is opened, so that a wrong key leaves no trace.
    Uploader::check(&upload)?;
    engine.storage.jobs = Uploader::jobs(&upload);
    let engine = Engine::open_on(platform, engine)?;
    if let Err(error) = Uploader::start(&engine, upload) {
        let _ = engine.close(CLOSE_TIMEOUT);
        return Err(error);
    }
    Ok(engine)
}

/// Opens an engine.
#[cfg(not(feature = "upload"))]
pub fn open(platform: Platform, settings: Settings) -> Result<Arc<Engine>> {
    Engine::open_on(platform, settings.completed().engine)
}
