//! Writing what is queued for one recording: few, large writes, and a header that is
//! always true.

use super::audio_file::PIECE;
use super::live::Live;
use super::patch::replace;
use super::pool::Pool;
use super::queue::{Item, Work};
use super::report::{LOG_WARNING, Report};
use crate::memory::{self, SMALL_BUFFER};
use callrec_codec::{Block, Samples};
use std::collections::VecDeque;
use std::io;
use std::mem;

/// One recording, while a writer writes what was queued for it.
pub struct Batch<'a> {
    pub live: &'a mut Live,
    /// Audio that follows what is on the disk, and is not there yet.
    pub gather: &'a mut Vec<u8>,
    pub pool: &'a Pool,
    pub report: &'a dyn Report,
}

impl Batch<'_> {
    /// Audio first, then the header that tells of it. What has been written is taken out of
    /// `work` and `gather`; the end of the recording is left, and so is the latest mark.
    pub async fn write(&mut self, work: &mut Work) -> io::Result<()> {
        let items = &mut work.items;
        while let Some(item) = items.front() {
            let more = matches!(items.get(1), Some(Item::Audio(_) | Item::Patch(_)));
            match item {
                Item::Shape(shape) => {
                    if !self.live.set_shape(*shape).await? {
                        let id = self.live.id;
                        let message = format!("{id}: shape told after the first block: ignored");
                        self.report.log(LOG_WARNING, message);
                    }
                }
                Item::Gathered(_)
                | Item::Audio(Block {
                    samples: Samples::Silence,
                    ..
                }) => {}
                Item::Audio(block) => {
                    let bytes = block.bytes();
                    let only = self.gather.is_empty() && !more;
                    let full = !only && !self.has_room(bytes.len());
                    if full {
                        self.flush().await?;
                    }
                    let alone = self.gather.is_empty() && (full || !more);
                    match alone && self.live.passes() {
                        true => self.live.append(bytes).await?,
                        false => self.live.code(bytes, self.gather),
                    }
                }
                Item::Patch(_) => self.patch(items).await?,
                Item::Settled(frame) => self.live.settle(*frame),
                Item::Finish(..) => break,
            }
            match items.front_mut() {
                Some(Item::Gathered(bytes)) => *self.gather = mem::take(bytes),
                Some(Item::Audio(Block {
                    samples: Samples::Silence,
                    frames,
                })) => self.fill(frames).await?,
                _ => {}
            }
            items
                .pop_front()
                .into_iter()
                .for_each(|item| item.recycle(self.pool));
        }
        self.flush().await?;
        self.live.advance().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.gather.is_empty() {
            self.live.append(self.gather).await?;
            self.gather.clear();
        }
        Ok(())
    }

    /// Whether so many bytes more may be gathered: one write takes them, and there is memory.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.gather.len() + bytes <= PIECE && memory::grow_vec(self.gather, bytes).is_ok()
    }

    /// Returns how many bytes of `left` may be gathered now. Writes what has been gathered if
    /// there is no room for a frame, or no memory for more.
    async fn make_room(&mut self, left: usize, frame_bytes: usize) -> io::Result<usize> {
        if self.gather.len() + frame_bytes > PIECE {
            self.flush().await?;
        }
        let most = match self.live.passes() {
            true => PIECE.saturating_sub(self.gather.len()),
            // The block from which it is coded takes memory, too.
            false => SMALL_BUFFER,
        };
        let most = most.min(left);
        if self.has_room(most) {
            return Ok(most);
        }
        self.flush().await?;
        Ok(most.min(self.gather.capacity().max(SMALL_BUFFER)))
    }

    /// `frames`: how much silence is left to be written or gathered.
    async fn fill(&mut self, frames: &mut u64) -> io::Result<()> {
        let silence = self.live.audio.shape().format.samples().silence();
        let frame_bytes = self.live.frame_bytes() as usize;
        while *frames > 0 {
            let left = usize::try_from(*frames).unwrap_or(usize::MAX);
            let room = self
                .make_room(left.saturating_mul(frame_bytes), frame_bytes)
                .await?;
            let piece = (*frames).min((room / frame_bytes).max(1) as u64);
            let piece_bytes = |frame: usize| piece as usize * frame;
            match self.live.passes() {
                true => self
                    .gather
                    .resize(self.gather.len() + piece_bytes(frame_bytes), silence),
                false => {
                    let block = vec![silence; piece_bytes(self.live.audio.shape().block_frame_bytes())];
                    self.live.code(&block, self.gather);
                }
            }
            *frames -= piece;
        }
        Ok(())
    }

    /// Brings the patch at the front to where its audio is: on the disk, or still in
    /// `gather`.
    async fn patch(&mut self, items: &mut VecDeque<Item>) -> io::Result<()> {
        self.join_patches(items);
        let Some(Item::Patch(patch)) = items.front() else {
            return Ok(());
        };
        let mut coded = Vec::new();
        let bytes = match self.live.passes() {
            true => &patch.bytes,
            false => {
                self.live.code(&patch.bytes, &mut coded);
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
                let message = format!("{}: late audio beyond the end: ignored", self.live.id);
                self.report.log(LOG_WARNING, message);
            }
        }
        Ok(())
    }

    /// Joins those that follow the first one without a gap, so that there are few writes.
    fn join_patches(&self, items: &mut VecDeque<Item>) {
        while let (Some(Item::Patch(first)), Some(Item::Patch(next))) = (items.front(), items.get(1))
            && first.takes(next)
        {
            let next = items.remove(1);
            if let (Some(Item::Patch(first)), Some(Item::Patch(next))) = (items.front_mut(), next) {
                first.join(&next);
                self.pool.give(next.bytes);
            }
        }
    }
}
