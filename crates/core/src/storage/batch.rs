//! Writes the queued work of one recording with few, large writes.

use super::audio_file::WRITE_BYTES_MAX;
use super::buffer_pool::BufferPool;
use super::listener::{LOG_WARNING, StorageListener};
use super::live_recording::LiveRecording;
use super::patch::replace;
use super::recording_queue::{PendingWork, QueueEntry};
use crate::memory::{self, SMALL_BUFFER};
use callrec_codec::{Block, Samples};
use std::collections::VecDeque;
use std::io;
use std::mem;

/// One turn of a writer for one recording.
pub struct Batch<'a> {
    pub live: &'a mut LiveRecording,
    /// Audio that is not written yet and follows the audio on the disk.
    pub gather: &'a mut Vec<u8>,
    pub pool: &'a BufferPool,
    pub listener: &'a dyn StorageListener,
}

impl Batch<'_> {
    /// Writes the audio. Removes written entries from `work` and `gather`. Leaves
    /// the end of the recording and the pending update.
    pub async fn write(&mut self, work: &mut PendingWork) -> io::Result<()> {
        let entries = &mut work.entries;
        while let Some(entry) = entries.front() {
            let more = matches!(entries.get(1), Some(QueueEntry::Audio(_) | QueueEntry::Patch(_)));
            match entry {
                QueueEntry::Shape(shape) => {
                    if !self.live.set_shape(*shape).await? {
                        let id = self.live.id;
                        let message = format!(
                            "recording {id}: its format was set after the first audio, and the change is ignored"
                        );
                        self.listener.log(LOG_WARNING, message);
                    }
                }
                QueueEntry::Gathered(_)
                | QueueEntry::Audio(Block {
                    samples: Samples::Silence,
                    ..
                }) => {}
                QueueEntry::Audio(block) => {
                    let bytes = block.bytes();
                    let only = self.gather.is_empty() && !more;
                    let full = !only && !self.fits(bytes.len());
                    if full {
                        self.flush().await?;
                    }
                    let alone = self.gather.is_empty() && (full || !more);
                    match alone && self.live.is_passthrough() {
                        true => self.live.append(bytes).await?,
                        false => self.live.encode(bytes, self.gather),
                    }
                }
                QueueEntry::Patch(_) => self.patch(entries).await?,
                QueueEntry::Settled(frame) => self.live.settle(*frame),
                QueueEntry::Raw(block) => self.live.append_raw(block).await,
                QueueEntry::Finish(..) => break,
            }
            match entries.front_mut() {
                Some(QueueEntry::Gathered(bytes)) => *self.gather = mem::take(bytes),
                Some(QueueEntry::Audio(Block {
                    samples: Samples::Silence,
                    frames,
                })) => self.fill(frames).await?,
                _ => {}
            }
            entries
                .pop_front()
                .into_iter()
                .for_each(|entry| entry.recycle(self.pool));
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.gather.is_empty() {
            self.live.append(self.gather).await?;
            self.gather.clear();
        }
        Ok(())
    }

    /// Whether `bytes` more bytes can be gathered: they fit in one write, and memory is available.
    fn fits(&mut self, bytes: usize) -> bool {
        self.gather.len() + bytes <= WRITE_BYTES_MAX && memory::grow_vec(self.gather, bytes).is_ok()
    }

    /// Returns how many of `left` bytes can be gathered now. Writes the gathered audio first if a
    /// frame does not fit or memory is short.
    async fn make_space(&mut self, remaining: usize, frame_bytes: usize) -> io::Result<usize> {
        if self.gather.len() + frame_bytes > WRITE_BYTES_MAX {
            self.flush().await?;
        }
        let most = match self.live.is_passthrough() {
            true => WRITE_BYTES_MAX.saturating_sub(self.gather.len()),
            // The block to be encoded uses memory, too.
            false => SMALL_BUFFER,
        };
        let most = most.min(remaining);
        if self.fits(most) {
            return Ok(most);
        }
        self.flush().await?;
        Ok(most.min(self.gather.capacity().max(SMALL_BUFFER)))
    }

    /// Gathers or writes silence. `frames`: the remaining frames, which are counted down.
    async fn fill(&mut self, frames: &mut u64) -> io::Result<()> {
        let silence = self.live.audio.shape().format.samples().silence();
        let frame_bytes = self.live.frame_bytes() as usize;
        while *frames > 0 {
            let remaining = usize::try_from(*frames).unwrap_or(usize::MAX);
            let space = self
                .make_space(remaining.saturating_mul(frame_bytes), frame_bytes)
                .await?;
            let piece = (*frames).min((space / frame_bytes).max(1) as u64);
            let piece_bytes = |frame: usize| piece as usize * frame;
            match self.live.is_passthrough() {
                true => self
                    .gather
                    .resize(self.gather.len() + piece_bytes(frame_bytes), silence),
                false => {
                    let block = vec![silence; piece_bytes(self.live.audio.shape().block_frame_bytes())];
                    self.live.encode(&block, self.gather);
                }
            }
            *frames -= piece;
        }
        Ok(())
    }

    /// Applies the first patch to the audio on the disk or in `gather`.
    async fn patch(&mut self, entries: &mut VecDeque<QueueEntry>) -> io::Result<()> {
        self.join_patches(entries);
        let Some(QueueEntry::Patch(patch)) = entries.front() else {
            return Ok(());
        };
        let mut coded = Vec::new();
        let bytes = match self.live.is_passthrough() {
            true => &patch.bytes,
            false => {
                self.live.encode(&patch.bytes, &mut coded);
                &coded
            }
        };
        let at = patch.from_frame.saturating_mul(self.live.frame_bytes());
        let on_disk = self.live.written_bytes().saturating_sub(at);
        let on_disk = bytes.len().min(usize::try_from(on_disk).unwrap_or(usize::MAX));
        let (written, gathered) = bytes.split_at(on_disk);
        if !written.is_empty() {
            self.live.overwrite(written, at).await?;
        }
        if !gathered.is_empty() {
            let from = at.saturating_sub(self.live.written_bytes());
            let taken = replace(self.gather, from, gathered);
            if taken < gathered.len() {
                let message = format!(
                    "recording {}: late audio beyond the end of its file is dropped",
                    self.live.id
                );
                self.listener.log(LOG_WARNING, message);
            }
        }
        Ok(())
    }

    /// Joins patches that follow the first one without a gap, to save writes.
    fn join_patches(&self, entries: &mut VecDeque<QueueEntry>) {
        while let (Some(QueueEntry::Patch(first)), Some(QueueEntry::Patch(next))) =
            (entries.front(), entries.get(1))
            && first.can_join(next)
        {
            let next = entries.remove(1);
            if let (Some(QueueEntry::Patch(first)), Some(QueueEntry::Patch(next))) =
                (entries.front_mut(), next)
            {
                first.join(&next);
                self.pool.give(next.bytes);
            }
        }
    }
}
