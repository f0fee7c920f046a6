//! Recordings of calls whose consent was refused. `consent.on_refusal` discards them, but the process
//! may have died before it noted that.

use super::*;

impl Recovery {
    /// Whether a refusal has ended the recording, and discards it. A held recording is kept.
    /// `manifest`: without an end.
    pub(super) fn was_refused(&self, id: Uuid, manifest: &Manifest) -> bool {
        let is_refused = manifest.call.value()["consent"] == "refused";
        self.context.discards_refused && is_refused && !self.context.holds.contains(id)
    }

    /// Discards the recording. That is stored before its audio is removed, as by a finisher.
    pub(super) async fn discard_refused(&self, id: Uuid, mut manifest: Manifest) -> io::Result<()> {
        manifest.id = id.as_hyphenated().to_string();
        if manifest.ended_at_ms == 0 {
            manifest.set_ended_at(self.context.directory.clock().unix_ms());
        }
        manifest.close_spans();
        manifest.discard();
        self.context.directory.reach(FaultPoint::NoteDiscard).await?;
        self.context.manifests.note_end(id, &manifest).await?;
        self.recover_discarded(id, manifest).await
    }
}
