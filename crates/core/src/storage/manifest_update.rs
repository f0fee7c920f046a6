//! Rewrites the live manifest of a recording in progress when the recording was paused or resumed,
//! or its call has changed.

use super::file_suffixes::PART;
use super::listener::StorageListener;
use super::live_manifests::LiveManifests;
use super::live_recording::LiveRecording;
use super::recording_queue::ManifestUpdate;
use std::io;

/// Rewrites the live manifest and reports the update numbers. With `safely`, the manifest is synced
/// first.
pub async fn write_update(
    live: &mut LiveRecording,
    update: &ManifestUpdate,
    safely: bool,
    manifests: &LiveManifests,
    listener: &dyn StorageListener,
) -> io::Result<()> {
    live.manifest = update.source.manifest();
    live.record_shape();
    live.manifest.id = live.id.as_hyphenated().to_string();
    live.manifest.started = true;
    live.manifest.file = live.audio.path();
    live.manifest.part = format!("{}{PART}", live.manifest.file);
    match safely {
        true => manifests.rewrite_safely(live.id, &live.manifest).await?,
        false => manifests.rewrite(live.id, &live.manifest).await?,
    }
    for number in &update.numbers {
        listener.manifest_updated(live.id, *number);
    }
    Ok(())
}
