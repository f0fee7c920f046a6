//! What an earlier process left is finished, published and told.
//!
//! Every step leaves a state that the next run of this understands, so it may be
//! killed anywhere. Only what `.callrec/<uuid>.json` leads to is touched.

use super::container::{self, FileShape};
use super::faults::Step;
use super::live::{JSON, Live, OpenFile, PART, audio_ending, shape_of};
use super::manifest::Salvage;
use super::name::RecordingName;
use super::papers::{self, Papers, removed};
use super::search::{LeftAudio, Search, there};
use super::trouble::panic_text;
use super::{LOG_ERROR, LOG_INFO, LOG_WARNING, Manifest, Store};
use crate::clock;
use crate::words::{EndReason, Format, State};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;
use uuid::Uuid;

impl Store {
    /// The recovery thread's body. What it cannot do now is left for the next open.
    pub fn run_recovery(self: &Arc<Self>) {
        let left = mem::take(&mut *self.left.lock());
        let mut search = Search::default();
        for id in left {
            if self.is_shutting_down() {
                break;
            }
            let done = catch_unwind(AssertUnwindSafe(|| self.recover(id, &mut search)));
            let trouble = match done {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic_text(panic.as_ref()),
            };
            self.report.log(
                LOG_ERROR,
                format!("{id}: not recovered, left for the next open: {trouble}"),
            );
        }
        self.recovering.store(false, Ordering::SeqCst);
    }

    fn recover(self: &Arc<Self>, id: Uuid, search: &mut Search) -> io::Result<()> {
        self.hook.at(Step::Recover)?;
        let (mut manifest, publishing) = match self.read_papers(id)? {
            Papers::None => return Ok(()),
            Papers::Whole(manifest, publishing) => (*manifest, publishing),
            Papers::Broken(salvage) => return self.recover_unreadable(id, salvage, search),
        };
        if manifest.part.is_empty() {
            manifest.part = format!("{}{PART}", manifest.file);
        }
        if manifest.end_reason_is(EndReason::Discarded) {
            return self.recover_discarded(id, manifest);
        }
        match self.find_audio(id, &manifest.part, &manifest.file)? {
            Some(left) if publishing && !left.published => {
                self.drop_reservation(&manifest.file)?;
                self.recover_audio(id, manifest, left)
            }
            Some(left) => self.recover_audio(id, manifest, left),
            None if !manifest.started => self.remove_unbegun(id),
            None => {
                self.tell_gone(id, manifest);
                self.forget_next(id)
            }
        }
    }

    /// The manifest was cut short or overwritten: the audio must speak for itself.
    fn recover_unreadable(
        self: &Arc<Self>,
        id: Uuid,
        salvage: Salvage,
        search: &mut Search,
    ) -> io::Result<()> {
        let part = salvage.part.unwrap_or_default();
        let file = part.strip_suffix(PART).unwrap_or_default();
        let left = match self.find_audio(id, &part, file)? {
            Some(left) => Some(left),
            None => self.search_part(id, search)?,
        };
        let Some(left) = left else {
            if salvage.unbegun {
                // Cut short while it was first written: nothing was promised yet.
                return self.remove_unbegun(id);
            }
            self.report.log(
                LOG_ERROR,
                format!("{id}: manifest unreadable and no audio found: put aside"),
            );
            self.forget_next(id)?;
            return self.put_aside(&self.control, id);
        };
        self.report.log(
            LOG_WARNING,
            format!("{id}: manifest unreadable, audio found by its header"),
        );
        let ending = audio_ending(Format::Wav);
        let file = left.name.path(&ending);
        let manifest = Manifest {
            part: format!("{file}{PART}"),
            started: true,
            id: id.as_hyphenated().to_string(),
            file,
            ..Manifest::default()
        };
        // Once published the audio could not be found by search again.
        self.rewrite(id, &manifest)?;
        self.recover_audio(id, manifest, left)
    }

    fn recover_audio(self: &Arc<Self>, id: Uuid, manifest: Manifest, left: LeftAudio) -> io::Result<()> {
        let left = if left.published {
            left
        } else {
            self.drop_second_name(id, left)?
        };
        if left.published {
            if let Some(told) = self.published_manifest(id, &left)? {
                self.forget_next(id)?;
                self.tell(id, told, true);
                return Ok(());
            }
        } else if !manifest.started && left.length <= audio_at(id, &shape_of(&manifest), &left) {
            let dir = self.directory(&left.name, false)?;
            removed(dir.remove(&left.current))?;
            return self.remove_unbegun(id);
        }
        self.check_audio(&left)?;
        self.publish_left(id, manifest, left)
    }

    /// Publishing by link and unlink may have been cut between the two.
    fn drop_second_name(&self, id: Uuid, left: LeftAudio) -> io::Result<LeftAudio> {
        let ending = audio_ending(Format::Wav);
        let file = left.name.path(&ending);
        let Some(name) = RecordingName::from_path(&file, &ending) else {
            return Ok(left);
        };
        let Some(second) = self.find_published(id, &name, &ending)? else {
            return Ok(left);
        };
        if second.length != left.length || left.header.is_none() {
            return Ok(left);
        }
        let dir = self.directory(&left.name, false)?;
        self.hook.at(Step::RemoveStale)?;
        removed(dir.remove(&left.current))?;
        Ok(second)
    }

    /// Publishing by reservation may have been cut before the audio took its name.
    fn drop_reservation(&self, file: &str) -> io::Result<()> {
        let ending = audio_ending(Format::Wav);
        let Some(name) = RecordingName::from_path(file, &ending) else {
            return Ok(());
        };
        let Some(dir) = there(self.directory(&name, false))? else {
            return Ok(());
        };
        let current = format!("{}{ending}", name.stem(1));
        let Some(reserved) = there(dir.open_read(&current))? else {
            return Ok(());
        };
        if reserved.metadata()?.len() == 0 {
            self.hook.at(Step::RemoveStale)?;
            removed(dir.remove(&current))?;
        }
        Ok(())
    }

    /// The manifest beside published audio, if it is whole and of this recording. A
    /// broken one is removed, to be written again.
    fn published_manifest(&self, id: Uuid, left: &LeftAudio) -> io::Result<Option<Manifest>> {
        let dir = self.directory(&left.name, false)?;
        let json = format!("{}{JSON}", left.name.stem(1));
        let Some(file) = there(papers::open(&dir, &json))?.flatten() else {
            return Ok(None);
        };
        let bytes = papers::read_all(&file)?;
        if let Some(manifest) = Manifest::from_bytes(&bytes) {
            let ours = manifest.id == id.as_hyphenated().to_string();
            return Ok(ours.then_some(manifest));
        }
        let cut_short = bytes.iter().all(|byte| *byte == 0) || bytes.starts_with(b"{\"part\":");
        if cut_short {
            self.hook.at(Step::RemoveStale)?;
            removed(dir.remove(&json))?;
        }
        Ok(None)
    }

    /// Finishes what is there as the finisher would have.
    fn publish_left(self: &Arc<Self>, id: Uuid, mut manifest: Manifest, left: LeftAudio) -> io::Result<()> {
        let told = shape_of(&manifest);
        let shape = left.header.map_or(told, |found| found.shape);
        let header_bytes = audio_at(id, &shape, &left);
        let audio_bytes = left.audio_bytes(&shape, header_bytes);
        let written_at = modified_ms(&left);
        state_recovered(
            &mut manifest,
            written_at,
            shape.duration_ms(audio_bytes / shape.frame_bytes()),
        );
        manifest.samples = audio_bytes / shape.frame_bytes();
        manifest.close_spans();
        let dir = self.directory(&left.name, false)?;
        let file = dir.open_write(&left.current)?;
        let end = header_bytes + audio_bytes;
        // Shorter than its header, or not whole frames.
        if left.length < end || left.length > end + container::padding(audio_bytes).len() as u64 {
            file.set_len(end)?;
        }
        drop(left.file);
        let mut live = Live {
            id,
            name: left.name,
            shape,
            header_bytes,
            audio_bytes,
            header_says: None,
            current: left.current,
            file: Some(OpenFile { file, slot: None }),
            manifest: Box::new(manifest),
            recovers: true,
        };
        if !self.complete(&mut live, false) {
            return Err(closing());
        }
        self.tell(id, *live.manifest, false);
        Ok(())
    }

    /// The audio goes if it has not gone yet; only then may it have been told.
    fn recover_discarded(&self, id: Uuid, mut manifest: Manifest) -> io::Result<()> {
        let part = mem::take(&mut manifest.part);
        let left = self.find_audio(id, &part, "")?.filter(|left| !left.published);
        if let Some(left) = &left {
            self.hook.at(Step::RemoveAudio)?;
            removed(self.directory(&left.name, false)?.remove(&left.current))?;
        }
        manifest.id = id.as_hyphenated().to_string();
        manifest.state = State::Finished.text().to_owned();
        manifest.file = String::new();
        manifest.recovered = true;
        self.forget_next(id)?;
        self.tell(id, manifest, left.is_none());
        Ok(())
    }

    /// It was never told as started, so nothing is owed.
    fn remove_unbegun(&self, id: Uuid) -> io::Result<()> {
        self.report.log(LOG_INFO, format!("{id}: never begun, removed"));
        self.forget_next(id)?;
        self.forget(id)
    }

    fn tell_gone(&self, id: Uuid, mut manifest: Manifest) {
        manifest.id = id.as_hyphenated().to_string();
        manifest.part = String::new();
        manifest.file = String::new();
        manifest.state = State::Failed.text().to_owned();
        manifest.end_reason = EndReason::Recovered.text().to_owned();
        manifest.error = "audio is gone".to_owned();
        manifest.recovered = true;
        manifest.digest = String::new();
        (manifest.samples, manifest.duration_ms, manifest.bytes) = (0, 0, 0);
        if manifest.ended_at_ms == 0 {
            manifest.set_ended_at(clock::unix_ms());
        }
        manifest.close_spans();
        self.tell(id, manifest, false);
    }
}

pub fn closing() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "closing")
}

/// Where the audio begins, also where the header was lost.
fn audio_at(id: Uuid, shape: &FileShape, left: &LeftAudio) -> u64 {
    let found = left.header.map(|found| found.audio_at);
    found.unwrap_or_else(|| container::header(shape, id, 0, false).len() as u64)
}

fn state_recovered(manifest: &mut Manifest, written_at: i64, duration_ms: u64) {
    manifest.recovered = true;
    manifest.digest = String::new();
    // One that had already failed stays so.
    if !manifest.state_is(State::Failed) {
        manifest.state = State::Finished.text().to_owned();
        manifest.end_reason = EndReason::Recovered.text().to_owned();
    }
    if manifest.ended_at_ms == 0 {
        manifest.set_ended_at(written_at);
    }
    if manifest.started_at_ms == 0 {
        let duration = i64::try_from(duration_ms).unwrap_or(0);
        manifest.set_started_at(manifest.ended_at_ms.saturating_sub(duration));
    }
}

/// When the audio was last written to.
fn modified_ms(left: &LeftAudio) -> i64 {
    let modified = left.file.metadata().and_then(|found| found.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or_else(clock::unix_ms, |since| since.as_millis() as i64)
}
