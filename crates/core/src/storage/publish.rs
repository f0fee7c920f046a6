//! The finisher threads: seal, sync, hash, publish, and only then tell.

use super::container;
use super::faults::Step;
use super::live::{JSON, Live, NUMBERS_MAX, PART, audio_ending, write_error};
use super::os;
use super::papers::{next_name, removed};
use super::queue::{Ending, Job};
use super::trouble::panic_text;
use super::verify::digest_of;
use super::{Digest, LOG_ERROR, Manifest, Store};
use crate::clock;
use crate::words::{EndReason, Error, State, Status};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How much of a file is still hashed when the engine closes without waiting.
const CLOSING_BYTES: u64 = 64 << 20;

impl Store {
    /// A finisher thread's body; returns after [`Store::shutdown`].
    pub fn run_finisher(self: &Arc<Self>) {
        while let Some(job) = self.jobs.next(|| self.is_over()) {
            let done = catch_unwind(AssertUnwindSafe(|| match job {
                Job::Finish(live, ending) => self.finish(live, ending),
                Job::Settle(id) => self.remove_settled(id),
            }));
            if let Err(panic) = done {
                self.report.log(LOG_ERROR, panic_text(panic.as_ref()));
            }
            self.work_done();
        }
    }

    fn finish(self: &Arc<Self>, mut live: Box<Live>, ending: Ending) {
        let id = live.id;
        let discards = matches!(ending, Ending::Discard);
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.hook.place("finisher", Step::Job);
            match ending {
                Ending::Discard => {
                    self.discard(&mut live);
                    true
                }
                Ending::Fail(error) | Ending::Lost(error) => {
                    live.manifest.fail(&error);
                    self.complete(&mut live, true)
                }
                Ending::Keep => self.complete(&mut live, false),
            }
        }));
        match done {
            Ok(true) => {}
            Ok(false) => {
                let error = Error::new(Status::Timeout, "closing has run out of time");
                self.unpublished(&mut live, &error);
            }
            Err(panic) => {
                let error = Error::new(Status::Internal, panic_text(panic.as_ref()));
                // The next open must not publish what was to be discarded.
                if !discards || self.guarded(|| self.discard(&mut live)).is_none() {
                    self.unpublished(&mut live, &error);
                }
            }
        }
        // Nothing but a test's kill can come in between here.
        let _ = self.hook.at(Step::Report);
        self.tell(id, mem::take(&mut *live.manifest), false);
    }

    /// Publishes a file. `measured`: how much audio there is, is the file's to say.
    /// False: not now, the next open goes on with it.
    pub(super) fn complete(self: &Arc<Self>, live: &mut Live, measured: bool) -> bool {
        self.state_end(live);
        if let Err(error) = self.persist(|| self.seal(live, measured)) {
            self.failed(live, &error);
        }
        state_facts(live);
        let safe = self.persist(|| self.make_durable(live));
        match safe.and_then(|()| self.persist(|| self.hash(live))) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => self.failed(live, &error),
        }
        if let Err(error) = self.persist(|| self.place(live)) {
            let error = write_error(&live.current, &error);
            self.unpublished(live, &error);
        }
        live.file = None;
        true
    }

    /// It is published all the same, as failed.
    fn failed(&self, live: &mut Live, error: &io::Error) {
        let error = write_error(&live.current, error);
        live.manifest.fail(&error);
        let message = format!("recording {}: {}", live.id, error.message);
        self.report.log(LOG_ERROR, message);
    }

    fn state_end(&self, live: &mut Live) {
        let manifest = &mut live.manifest;
        manifest.id = live.id.as_hyphenated().to_string();
        manifest.started = true;
        manifest.part = String::new();
        if !manifest.state_is(State::Failed) {
            manifest.state = State::Finished.text().to_owned();
        }
        if manifest.ended_at_ms == 0 {
            manifest.set_ended_at(clock::unix_ms());
        }
    }

    /// Ends the file at a whole frame, with a header that says so.
    fn seal(self: &Arc<Self>, live: &mut Live, measured: bool) -> io::Result<()> {
        self.hook.at(Step::Seal)?;
        let frame = live.shape.frame_bytes();
        let cut = measured || !live.audio_bytes.is_multiple_of(frame);
        if measured {
            live.measure(self)?;
        }
        live.audio_bytes = live.audio_bytes / frame * frame;
        let end = live.header_bytes + live.audio_bytes;
        if cut {
            live.file(self)?.set_len(end)?;
        }
        // The header before the padding: so recovery can tell it from audio.
        live.write_header(self, true)?;
        let padding = container::padding(live.audio_bytes);
        if !padding.is_empty() {
            os::write_all_at(live.file(self)?, padding, end)?;
        }
        Ok(())
    }

    fn make_durable(self: &Arc<Self>, live: &mut Live) -> io::Result<()> {
        if !self.syncs() {
            return Ok(());
        }
        self.hook.at(Step::Sync)?;
        live.file(self)?.sync_data()
    }

    /// Hashes what can be read back, as `sha256sum` will. False: it would have taken
    /// too long, and the engine is closing.
    fn hash(self: &Arc<Self>, live: &mut Live) -> io::Result<bool> {
        live.manifest.digest = String::new();
        if self.config().digest == Digest::None {
            return Ok(true);
        }
        self.hook.at(Step::Digest)?;
        let recovers = live.recovers;
        let late = |left| left > CLOSING_BYTES && self.is_late(recovers);
        let Some((digest, length)) = digest_of(live.file(self)?, late)? else {
            return Ok(false);
        };
        live.manifest.digest = digest;
        live.manifest.bytes = length;
        Ok(true)
    }

    /// Gives audio and manifest their final names, over nothing that is there. The
    /// whole manifest lies ready in `.callrec` before the audio is renamed.
    fn place(self: &Arc<Self>, live: &mut Live) -> io::Result<()> {
        let dir = self.directory(&live.name, false)?;
        let ending = audio_ending(live.shape.format);
        for number in 1..=NUMBERS_MAX {
            let stem = live.name.stem(number);
            let audio = format!("{stem}{ending}");
            live.manifest.file = live.name.numbered(number).path(&ending);
            self.hook.at(Step::WriteManifest)?;
            let next = self.write_next(live.id, &live.manifest)?;
            if self.syncs() {
                next.sync_data()?;
            }
            if live.current != audio {
                self.hook.at(Step::PlaceAudio)?;
                if !got_name(self.rename_new(&dir, &live.current, &dir, &audio))? {
                    continue;
                }
                live.current = audio;
            }
            self.hook.at(Step::PlaceManifest)?;
            let json = format!("{stem}{JSON}");
            if got_name(self.rename_new(&self.control, &next_name(live.id), &dir, &json))? {
                self.sync_published(live);
                return Ok(());
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every number of this name is taken",
        ))
    }

    fn sync_published(&self, live: &Live) {
        if !self.syncs() {
            return;
        }
        if let Err(error) = self.sync_directories(&live.name) {
            let file = &live.manifest.file;
            self.report.log(
                LOG_ERROR,
                format!("\"{file}\": its directory cannot be synced: {error}"),
            );
        }
    }

    /// Publishing failed: the next open tries again, so the live manifest stays.
    fn unpublished(&self, live: &mut Live, error: &Error) {
        self.unsettled.lock().insert(live.id);
        live.manifest.fail(error);
        let mut components = live.name.directories().to_vec();
        components.push(live.current.clone());
        live.manifest.file = components.join("/");
        live.manifest.part = String::new();
        let (id, file, why) = (live.id, &live.manifest.file, &error.message);
        let message = format!("recording {id}: left as \"{file}\", the next open tries again: {why}");
        self.report.log(LOG_ERROR, message);
    }

    /// Keeps no audio. That it is so is noted before the audio goes, or a crash in
    /// between would look like lost audio.
    pub(super) fn discard(self: &Arc<Self>, live: &mut Live) {
        self.state_discarded(live);
        let mut noted = self.persist(|| self.note_discard(live));
        let gone = self.persist(|| self.remove_audio(live));
        if noted.is_err() && gone.is_ok() {
            // Where the disk was full there is room now.
            noted = self.note_discard(live);
        }
        if let Err(error) = noted {
            self.report
                .log(LOG_ERROR, format!("{}: discard not noted: {error}", live.id));
        }
        if let Err(error) = gone {
            self.failed(live, &error);
            self.unsettled.lock().insert(live.id);
        }
    }

    fn note_discard(&self, live: &Live) -> io::Result<()> {
        self.hook.at(Step::NoteDiscard)?;
        let mut note = (*live.manifest).clone();
        note.part = format!("{}{PART}", live.path());
        self.rewrite(live.id, &note)
    }

    fn remove_audio(self: &Arc<Self>, live: &mut Live) -> io::Result<()> {
        let removed = self.hook.at(Step::RemoveAudio).and_then(|()| {
            let dir = self.directory(&live.name, false)?;
            removed(dir.remove(&live.current))?;
            if self.syncs() { dir.sync() } else { Ok(()) }
        });
        if removed.is_err()
            && let Ok(file) = live.file(self)
        {
            // What cannot be removed has no audio at least.
            let _ = file.set_len(0);
        }
        live.file = None;
        removed
    }

    fn state_discarded(&self, live: &mut Live) {
        self.state_end(live);
        state_facts(live);
        let manifest: &mut Manifest = &mut live.manifest;
        manifest.state = State::Finished.text().to_owned();
        manifest.end_reason = EndReason::Discarded.text().to_owned();
        manifest.file = String::new();
        manifest.digest = String::new();
        manifest.bytes = 0;
        manifest.no_audio = false;
        manifest.undecoded = Vec::new();
    }
}

/// `false`: something has that name.
fn got_name(renamed: io::Result<()>) -> io::Result<bool> {
    match renamed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the file itself says outranks what was counted.
fn state_facts(live: &mut Live) {
    live.state_shape();
    let frames = live.audio_bytes / live.shape.frame_bytes();
    let padding = container::padding(live.audio_bytes).len() as u64;
    live.manifest.samples = frames;
    live.manifest.duration_ms = live.shape.duration_ms(frames);
    live.manifest.note_audio();
    live.manifest.bytes = live.header_bytes + live.audio_bytes + padding;
}
