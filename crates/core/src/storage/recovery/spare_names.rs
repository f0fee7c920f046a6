//! Removes names that an interrupted publication has left.

use super::*;

impl Recovery {
    /// Removes the old name of published audio, if publishing was interrupted between link and
    /// unlink.
    pub(super) async fn drop_second_name(&self, id: Uuid, orphan: OrphanAudio) -> io::Result<OrphanAudio> {
        let Some(second) = self
            .search
            .find_published(id, orphan.name(), orphan.suffix())
            .await?
        else {
            self.drop_name_without_header(&orphan).await?;
            return Ok(orphan);
        };
        if !orphan.is_same_as(&second) {
            self.drop_name_without_header(&orphan).await?;
            return Ok(orphan);
        }
        let folder = self.context.directory.folder(orphan.name()).await?;
        self.context.directory.sync_names(&*folder).await?;
        self.context.directory.reach(FaultPoint::RemoveStale).await?;
        self.remove(&orphan).await?;
        Ok(second)
    }

    /// Like `drop_second_name`, if a power cut has also removed the header. The published name
    /// cannot be identified then, so it is removed.
    pub(super) async fn drop_name_without_header(&self, orphan: &OrphanAudio) -> io::Result<()> {
        let Some(identity) = orphan.id_without_header()? else {
            return Ok(());
        };
        let directory = &self.context.directory;
        let folder = directory.folder(orphan.name()).await?;
        for number in 1..=NUMBERS_MAX {
            let second = format!("{}{}", orphan.name().stem(number), orphan.suffix());
            directory.ready().await?;
            let Some(found) = found_or_none(folder.file_id_of(&second))? else {
                break;
            };
            if found == identity {
                directory.reach(FaultPoint::RemoveStale).await?;
                return ignore_not_found(folder.remove(&second));
            }
        }
        Ok(())
    }

    /// Removes an empty file that reserves the final name, if publishing was interrupted before the
    /// rename.
    pub(super) async fn drop_reservation(&self, file: &str) -> io::Result<()> {
        let Some((name, suffix)) = split_audio(file) else {
            return Ok(());
        };
        for suffix in [suffix, raw_suffix()] {
            self.drop_reserved_name(&name, &suffix).await?;
        }
        Ok(())
    }

    pub(super) async fn drop_reserved_name(&self, name: &RecordingName, suffix: &str) -> io::Result<()> {
        let Some(folder) = found_or_none(self.context.directory.folder(name).await)? else {
            return Ok(());
        };
        let current = format!("{}{suffix}", name.stem(1));
        self.context.directory.ready().await?;
        let Some(reserved) = found_or_none(folder.open_read(&current))? else {
            return Ok(());
        };
        self.context.directory.ready().await?;
        if reserved.length()? == 0 {
            self.context.directory.reach(FaultPoint::RemoveStale).await?;
            ignore_not_found(folder.remove(&current))?;
        }
        Ok(())
    }
}
