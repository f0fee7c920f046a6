//! The live manifest of a recording in progress is rewritten, because something of it has
//! changed: it was paused, resumed, or its call has moved.

use super::endings::PART;
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::queue::Mark;
use super::report::Report;
use std::io;

/// Rewrites it, and tells what was to be told then. `safely`: a power cut must not undo that.
pub async fn write_mark(
    live: &mut Live,
    mark: &Mark,
    safely: bool,
    manifests: &LiveManifests,
    report: &dyn Report,
) -> io::Result<()> {
    live.manifest = mark.source.manifest();
    live.state_shape();
    live.manifest.id = live.id.as_hyphenated().to_string();
    live.manifest.started = true;
    live.manifest.file = live.audio.path();
    live.manifest.part = format!("{}{PART}", live.manifest.file);
    match safely {
        true => manifests.rewrite_safely(live.id, &live.manifest).await?,
        false => manifests.rewrite(live.id, &live.manifest).await?,
    }
    for mark in &mark.told {
        report.marked(live.id, *mark);
    }
    Ok(())
}
