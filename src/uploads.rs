//! Opens engines whose recordings are uploaded, in builds with the feature `upload`.

use std::sync::Arc;

use crate::config::Config;
use crate::engine::Engine;
use crate::storage::Platform;
use crate::types::Result;
use crate::upload::UploadSettings;

/// Opens an engine and begins to upload its recordings, if `upload.url` is set.
#[cfg(feature = "upload")]
pub fn open(platform: Platform, mut config: Config, settings: UploadSettings) -> Result<Arc<Engine>> {
    use crate::upload::Uploader;
    use std::time::Duration;

    /// How long an engine whose uploads cannot be started may take to close.
    const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

    // Before the engine is opened, so that a wrong key leaves no trace.
    Uploader::check(&settings)?;
    config.storage.jobs = Uploader::jobs(&settings);
    let engine = Engine::open_on(platform, config)?;
    if let Err(error) = Uploader::start(&engine, settings) {
        let _ = engine.close(CLOSE_TIMEOUT);
        return Err(error);
    }
    Ok(engine)
}

/// Opens an engine. Fails if `upload.url` is set.
#[cfg(not(feature = "upload"))]
pub fn open(platform: Platform, config: Config, settings: UploadSettings) -> Result<Arc<Engine>> {
    use crate::types::{Error, Status};

    if settings.location.is_some() {
        return Err(Error::new(
            Status::Unsupported,
            "key \"upload.url\": this build has no uploads: build with the feature \"upload\"",
        ));
    }
    Engine::open_on(platform, config)
}
