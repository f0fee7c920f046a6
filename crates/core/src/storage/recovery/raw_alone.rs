//! Publishes the packets of a recording whose audio is missing. Their manifest lets the recording be deleted and held.

use super::*;
use crate::storage::raw_file::RawFile;

/// The packets, and the name of the audio that is missing.
pub(super) struct RawAlone {
    raw: RawFile,
    name: RecordingName,
}

impl Recovery {
    /// The packets of a recording whose audio is missing, which `manifest` describes then.
    pub(super) async fn raw_alone(&self, id: Uuid, manifest: &mut Manifest) -> io::Result<Option<RawAlone>> {
        let dropped = manifest.raw.take().map_or(0, |raw| raw.dropped);
        let Some((name, _)) = split_part(&manifest.part).or_else(|| split_audio(&manifest.file)) else {
            return Ok(None);
        };
        let Some(raw) = find_raw(&self.context.files, id, &name).await? else {
            return Ok(None);
        };
        let mut raw = raw.with_dropped(dropped);
        let mut buffer = memory::read_buffer(READ_BYTES as usize);
        let digest = raw.digest(&mut buffer, |_| false).await?;
        manifest.raw = raw.entry();
        if let Some(entry) = &mut manifest.raw {
            entry.digest = digest.unwrap_or_default();
        }
        Ok(Some(RawAlone { raw, name }))
    }

    /// Gives the packets and their manifest their final names, without replacing a file. A hold is in the manifest from
    /// then on.
    pub(super) async fn publish_raw_alone(
        &self,
        id: Uuid,
        manifest: &mut Manifest,
        alone: RawAlone,
    ) -> io::Result<()> {
        let RawAlone { mut raw, name } = alone;
        let RecoveryContext {
            directory,
            manifests,
            deletions,
            holds,
            ..
        } = &self.context;
        let clock = directory.clock();
        let _turn = deletions.turns.take_async(id, || clock.now()).await;
        manifest.held = holds.contains(id);
        let folder = directory.folder(&name).await?;
        for number in 1..=NUMBERS_MAX {
            let stem = name.stem(number);
            if !raw.rename(&*folder, &stem).await? {
                continue;
            }
            if let (Some(entry), Some(renamed)) = (&mut manifest.raw, raw.entry()) {
                entry.file = renamed.file;
            }
            manifests.prepare(id, manifest).await?;
            if manifests.publish(id, &*folder, &format!("{stem}{JSON}")).await? {
                break;
            }
        }
        directory.sync_path(&name).await?;
        let file = manifest.raw.as_ref().map_or("", |raw| raw.file.as_str());
        holds.note_published(id, file).await;
        self.log(
            LOG_WARNING,
            format!(
                "recording {id}: its audio is missing, and its packets are published alone as \"{file}\""
            ),
        );
        Ok(())
    }
}
