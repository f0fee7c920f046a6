//! A recording while it grows.

use super::audio_file::AudioFile;
use super::manifest::Manifest;
use super::tail::{Tail, remove_tail};
use crate::types::Error;
use callrec_codec::Shape;
use callrec_codec::container::Measured;
use std::io;
use std::time::Instant;
use uuid::Uuid;

/// A recording whose file has been made and is not published yet.
pub struct Live {
    pub id: Uuid,
    pub audio: AudioFile,
    /// Of a format whose frames cannot be rewritten in place, once it has audio.
    tail: Option<Box<Tail>>,
    /// No frame before this one is patched any more.
    settled: u64,
    /// The latest that is known.
    pub manifest: Box<Manifest>,
    /// An earlier process left it.
    pub recovers: bool,
    /// That it has started was told, or is about to be.
    pub is_start_told: bool,
    /// Since when there is something in its files that is to be synced while it is in progress.
    unsynced_since: Option<Instant>,
    /// The same of what is to be synced once more.
    refused_since: Option<Instant>,
    /// A sync has failed, and nobody knows what it has lost.
    pub sync_error: Option<io::Error>,
}

impl Live {
    /// One that has just been made.
    pub fn begun(id: Uuid, audio: AudioFile, manifest: Box<Manifest>) -> Live {
        Live {
            id,
            audio,
            tail: None,
            settled: 0,
            manifest,
            recovers: false,
            is_start_told: true,
            unsynced_since: None,
            refused_since: None,
            sync_error: None,
        }
    }

    /// One that an earlier process left. What is in its tail goes into its file.
    pub async fn left(
        id: Uuid,
        audio: AudioFile,
        measured: Measured,
        manifest: Box<Manifest>,
    ) -> io::Result<Live> {
        let mut live = Live {
            recovers: true,
            ..Live::begun(id, audio, manifest)
        };
        if !live.is_rewritable() {
            live.finish_tail(measured).await?;
        }
        Ok(live)
    }

    /// Whether frames that are in the file can be replaced.
    fn is_rewritable(&self) -> bool {
        self.audio.shape().file_frame_bytes().is_some()
    }

    /// Says what the audio is. Returns `false`, and changes nothing, once there is audio of
    /// another shape.
    pub async fn set_shape(&mut self, shape: Shape) -> io::Result<bool> {
        match self.tail {
            Some(_) => Ok(*self.audio.shape() == shape),
            None => self.audio.set_shape(shape).await,
        }
    }

    /// Bytes of a frame where frames are written first.
    pub fn frame_bytes(&self) -> u64 {
        let shape = self.audio.shape();
        shape
            .file_frame_bytes()
            .unwrap_or(shape.block_frame_bytes() as u64)
    }

    /// Bytes of frames that are written, settled or not.
    pub fn written_bytes(&self) -> u64 {
        match &self.tail {
            Some(tail) => tail.end() * self.frame_bytes(),
            None if self.is_rewritable() => self.audio.length().bytes,
            None => 0,
        }
    }

    /// Whether samples are written as they are in a block.
    pub fn passes(&self) -> bool {
        self.tail.is_some() || !self.is_rewritable() || self.audio.passes()
    }

    /// Puts samples behind `out` in the form in which they are written.
    pub fn code(&mut self, samples: &[u8], out: &mut Vec<u8>) {
        match self.passes() {
            true => out.extend_from_slice(samples),
            false => self.audio.code(samples, out),
        }
    }

    /// Writes whole frames behind those that are written.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_rewritable() {
            let frames = bytes.len() as u64 / self.frame_bytes();
            return self.audio.append(bytes, frames).await;
        }
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => none.insert(Box::new(Tail::create(&self.audio, self.id).await?)),
        };
        tail.append(bytes).await
    }

    /// Writes over frames that are written. `at`: bytes of frames before them.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        match &mut self.tail {
            Some(tail) => tail.overwrite(bytes, at).await,
            None => self.audio.overwrite(bytes, at).await,
        }
    }

    /// No frame before this one is patched any more.
    pub fn settle(&mut self, frame: u64) {
        self.settled = self.settled.max(frame);
    }

    /// Brings the recording's file up to date with what is written and settled.
    pub async fn advance(&mut self) -> io::Result<()> {
        if let Some(tail) = &mut self.tail {
            tail.advance(&mut self.audio, self.settled).await?;
        }
        self.audio.write_header(false).await
    }

    /// Notes whether something is to be synced. If nothing was before, returns since when.
    pub fn note_unsynced(&mut self, now: Instant) -> Option<Instant> {
        let refused_since = self.refused_since.take();
        let tail_is = self.tail.as_ref().is_some_and(|tail| tail.is_unsynced());
        let begins = self.unsynced_since.is_none() && (tail_is || self.audio.is_unsynced());
        if !begins {
            return None;
        }
        self.unsynced_since = refused_since.or(Some(now));
        self.unsynced_since
    }

    /// A sync was refused, and is to be tried again: it has waited since then.
    pub fn sync_again(&mut self, since: Option<Instant>) {
        self.refused_since = since;
    }

    /// Since when something is to be synced.
    pub fn unsynced_since(&self) -> Option<Instant> {
        self.unsynced_since
    }

    /// Brings its files to the disk as they are. The recording's file first: only what is in it
    /// on the disk, whatever else a power cut keeps, is dropped from the tail.
    pub async fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        self.audio.sync_progress().await?;
        if let Some(tail) = &mut self.tail {
            tail.compact().await;
            tail.sync().await?;
        }
        Ok(())
    }

    /// Closes its files unless they may stay open.
    pub fn rest(&mut self) {
        self.audio.rest();
        if let Some(tail) = &mut self.tail {
            tail.rest();
        }
    }

    /// Ends the file. `measured`: how much audio there is, is the file's to say.
    pub async fn seal(&mut self, measured: bool) -> io::Result<()> {
        if measured {
            let found = self.audio.measure().await?;
            if !self.is_rewritable() {
                self.finish_tail(found).await?;
            }
        } else if let Some(tail) = &mut self.tail {
            tail.finish(&mut self.audio).await?;
        }
        self.audio.seal().await
    }

    /// Brings what is in the tail on the disk into the file, as far as it is not there yet.
    async fn finish_tail(&mut self, measured: Measured) -> io::Result<()> {
        let mut frames = measured.length.frames;
        if !measured.ended
            && let Some(tail) = Tail::open(&self.audio, self.id, measured).await?
        {
            if tail.end() > frames {
                return self.tail.insert(Box::new(tail)).finish(&mut self.audio).await;
            }
            // The last packet is there, and what says how much of it is heard is not.
            if frames - tail.end() <= measured.padding_max {
                frames = tail.end();
            }
        }
        if !measured.ended && measured.output > 0 {
            let mut end = Vec::new();
            let container = self.audio.shape().format.container();
            container.end(measured.length.frames - frames, measured.output, &mut end);
            self.audio.append_end(&end, frames).await?;
        }
        self.tail = None;
        Ok(())
    }

    /// Whether all audio that was written is in the recording's file, with its end.
    pub fn is_whole(&self) -> bool {
        self.tail.as_ref().is_none_or(|tail| tail.is_finished())
    }

    /// Removes all audio of the recording, so that no power cut brings it back.
    pub async fn remove_audio(&mut self) -> io::Result<()> {
        let mut tail = self.remove_tail().await;
        if !self.is_rewritable() {
            let directory = self.audio.files().directory();
            if tail.is_ok() {
                tail = directory.sync_names(directory.control()).await;
            }
        }
        self.audio.remove().await.and(tail)
    }

    /// Removes what the recording's file holds by now.
    pub async fn remove_tail(&mut self) -> io::Result<()> {
        self.tail = None;
        match self.is_rewritable() {
            true => Ok(()),
            false => remove_tail(self.audio.files(), self.id).await,
        }
    }

    /// Notes in the manifest what the file is.
    pub fn state_shape(&mut self) {
        self.manifest.set_shape(self.audio.shape());
    }

    /// Frames that are on the disk, in the recording's file or its tail.
    fn frames(&self) -> u64 {
        match &self.tail {
            Some(tail) => tail.end(),
            None => self.audio.length().frames,
        }
    }

    /// Notes in the manifest what is on the disk: it outranks what was counted.
    pub fn state_facts(&mut self) {
        self.state_shape();
        let frames = self.frames();
        self.manifest.samples = frames;
        self.manifest.duration_ms = self.audio.shape().duration_ms(frames);
        self.manifest.note_audio();
        self.manifest.bytes = self.audio.sealed_bytes();
    }

    /// Names an error of the disk after the file.
    pub fn error(&self, error: &io::Error) -> Error {
        write_error(self.audio.current(), error)
    }
}

/// An error of the disk, in words that name the recording's file.
pub fn write_error(path: &str, error: &io::Error) -> Error {
    Error::io(format_args!("\"{path}\""), error)
}
