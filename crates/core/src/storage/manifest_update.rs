//! Rewrites the live manifest of a recording in progress when the recording was paused or resumed,
//! or its call has changed.

use super::disk::ErrorClass;
use super::file_suffixes::PART;
use super::listener::{LOG_WARNING, StorageListener};
use super::live_manifests::LiveManifests;
use super::live_recording::LiveRecording;
use super::os;
use super::recording_queue::ManifestUpdate;
use std::io;
use std::time::{Duration, Instant};

/// How long an update is put off while another process holds the live manifest.
const PUT_OFF: Duration = Duration::from_millis(500);

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
    live.update_due = None;
    report(live, update, listener);
    Ok(())
}

fn report(live: &LiveRecording, update: &ManifestUpdate, listener: &dyn StorageListener) {
    for number in &update.numbers {
        listener.manifest_updated(live.id, *number);
    }
}

/// Whether an update failed only because another process holds the live manifest or its next version.
pub fn is_held(error: &io::Error) -> bool {
    os::classify(error) == ErrorClass::Held
}

/// Puts off an update of a manifest that another process holds: the audio does not wait for it. If the
/// recording ends, its last manifest has what the update says, so the update is only reported. Returns
/// whether that is the case, and the update done.
pub fn put_off(
    live: &mut LiveRecording,
    update: &ManifestUpdate,
    error: &io::Error,
    (ends, now): (bool, Instant),
    listener: &dyn StorageListener,
) -> bool {
    if ends {
        report(live, update, listener);
        return true;
    }
    if live.update_due.is_none() {
        let message = format!(
            "recording {0}: its live manifest .callrec/{0}.json cannot be replaced while another process \
             holds it; the recording continues, and callrec tries again: {error}",
            live.id
        );
        listener.log(LOG_WARNING, message);
    }
    live.update_due = Some(now + PUT_OFF);
    false
}
