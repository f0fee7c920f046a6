//! Connects a recording's tap to its file, and keeps the recording's manifest up to date.

use std::sync::{Arc, Weak};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use callrec_codec::Block;
use uuid::Uuid;

use super::facts::RecordingFacts;
use super::ledger::put_ledger;
use super::manifest_change::ManifestChange;
use super::recording_reporter::RecordingReporter;
use crate::calls::{Attachment, CallInfo, LineStay, Readings};
use crate::clock::NS_PER_MS;
use crate::media::{Progress, RawPackets, Shape, Sink, Span, SpanKind};
use crate::storage::{Manifest, ManifestSource, RecordingFile, SpanEntry, Spans};
use crate::types::{EndReason, Error, RecordingState, Status};

/// The output of one recording: its file, its facts and its progress.
pub struct RecordingOutput {
    id: Uuid,
    me: Weak<RecordingOutput>,
    progress: Arc<Progress>,
    reporter: Arc<RecordingReporter>,
    /// Bytes of a frame in the file. 0 if frames differ in size, and until the shape is known.
    frame_bytes: AtomicU64,
    /// The size of the file after the writer's latest write.
    file_bytes: Arc<AtomicU64>,
    inner: Mutex<OutputState>,
}

struct OutputState {
    facts: RecordingFacts,
    /// `None` once the file was passed to the finisher.
    file: Option<RecordingFile>,
}

/// The sink through which the tap writes.
struct OutputSink(Arc<RecordingOutput>);

impl RecordingOutput {
    pub fn new(
        facts: RecordingFacts,
        file: RecordingFile,
        progress: Arc<Progress>,
        reporter: Arc<RecordingReporter>,
    ) -> Arc<RecordingOutput> {
        let output = Arc::new_cyclic(|me| RecordingOutput {
            id: facts.id,
            me: me.clone(),
            progress,
            reporter,
            frame_bytes: AtomicU64::new(0),
            file_bytes: file.file_bytes(),
            inner: Mutex::new(OutputState {
                facts,
                file: Some(file),
            }),
        });
        let known: Arc<dyn ManifestSource> = output.clone();
        if let Some(file) = &output.inner.lock().file {
            file.set_manifest_source(Arc::downgrade(&known));
        }
        output
    }

    pub fn sink(output: &Arc<RecordingOutput>) -> Box<dyn Sink> {
        Box::new(OutputSink(output.clone()))
    }

    /// Changes the facts and has the live manifest rewritten. `change` is reported once the manifest
    /// is on disk.
    fn change(&self, change: ManifestChange, apply: impl FnOnce(&mut RecordingFacts)) {
        let mut inner = self.inner.lock();
        apply(&mut inner.facts);
        if let (Some(file), Some(me)) = (&mut inner.file, self.me.upgrade()) {
            file.update_manifest(me, change.number());
        }
    }

    /// Bytes of audio in the file.
    fn bytes(&self) -> u64 {
        match self.frame_bytes.load(Relaxed) {
            0 => self.file_bytes.load(Relaxed),
            frame_bytes => self.progress.frames() * frame_bytes,
        }
    }

    fn put_readings(&self, manifest: &mut Manifest) {
        manifest.samples = self.progress.frames();
        manifest.duration_ms = self.progress.duration_ms();
        manifest.paused_ms = self.progress.paused_ms();
        manifest.lost_ms = self.progress.lost_ms();
        manifest.bytes = self.bytes();
        put_ledger(manifest, &self.progress.ledger());
    }

    /// Takes the file, with the final manifest. `None` if the file was taken before.
    fn close(
        &self,
        state: RecordingState,
        reason: EndReason,
        open: Option<Span>,
    ) -> Option<(Box<Manifest>, RecordingFile)> {
        let (reason, ended_at_ms) = self.reporter.note_ended(self.id, reason);
        let mut inner = self.inner.lock();
        let file = inner.file.take()?;
        if let Some(open) = open {
            close_pause(&mut inner.facts.spans, open);
        }
        let mut manifest = Box::new(inner.facts.full_manifest());
        self.put_readings(&mut manifest);
        manifest.state = state.text().to_owned();
        manifest.end_reason = reason.text().to_owned();
        manifest.set_ended_at(ended_at_ms);
        Some((manifest, file))
    }

    fn fail(&self, error: Error) {
        self.reporter.note_failed(self.id, &error);
        if let Some((mut manifest, file)) = self.close(RecordingState::Failed, EndReason::WriteError, None) {
            if manifest.end_reason_is(EndReason::Discarded) {
                manifest.state = RecordingState::Finished.text().to_owned();
                file.finish(manifest, false);
                return;
            }
            manifest.error = error.message.clone();
            file.fail(manifest, error);
        }
    }
}

fn span_entry(span: Span) -> SpanEntry {
    SpanEntry {
        kind: match span.kind {
            SpanKind::Pause => "pause".into(),
            SpanKind::Loss(..) => "loss".into(),
        },
        leg: match span.kind {
            SpanKind::Pause => "".into(),
            SpanKind::Loss(leg, _) => leg.text().into(),
        },
        from_frame: span.from_frame,
        to_frame: Some(span.to_frame),
        length_ms: (span.length_ns + NS_PER_MS / 2) / NS_PER_MS,
        reason: match span.kind {
            SpanKind::Pause => "".into(),
            SpanKind::Loss(_, reason) => reason.text().into(),
        },
    }
}

/// Completes the pause span that was added when the pause began.
fn close_pause(spans: &mut Spans, span: Span) {
    match spans.open_pause() {
        Some(noted) => *noted = span_entry(span),
        None => spans.push(span_entry(span)),
    }
}

/// A panic may drop the sink before `finish`, `stuck` or `broken` is called. Dropping the file
/// makes its writer fail the recording, which would otherwise stay live for ever.
impl Drop for OutputSink {
    fn drop(&mut self) {
        let file = self.0.inner.lock().file.take();
        drop(file);
    }
}

impl Sink for OutputSink {
    fn shape(&mut self, shape: Shape) {
        let mut inner = self.0.inner.lock();
        inner.facts.shape = Some(shape);
        self.0
            .frame_bytes
            .store(shape.file_frame_bytes().unwrap_or(0), Relaxed);
        if let Some(file) = &mut inner.file {
            file.shape(shape);
        }
    }

    fn block(&mut self, block: Block) -> Result<(), Block> {
        match &mut self.0.inner.lock().file {
            Some(file) => file.write(block),
            None => Ok(()),
        }
    }

    fn early_block(&mut self, block: Block) {
        if let Some(file) = &mut self.0.inner.lock().file {
            file.write_early(block);
        }
    }

    fn accepts_early(&self) -> bool {
        let inner = self.0.inner.lock();
        inner.file.as_ref().is_none_or(RecordingFile::accepts_early)
    }

    fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block> {
        match &mut self.0.inner.lock().file {
            Some(file) => file.patch(from_frame, block),
            None => Ok(()),
        }
    }

    fn raw(&mut self, packets: &RawPackets) {
        if let Some(file) = &mut self.0.inner.lock().file {
            file.write_raw(packets.iter());
        }
    }

    fn settled(&mut self, frame: u64) {
        if let Some(file) = &mut self.0.inner.lock().file {
            file.settled(frame);
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.0
            .inner
            .lock()
            .file
            .as_ref()
            .map(RecordingFile::buffer)
            .unwrap_or_default()
    }

    fn paused(&mut self, frame: u64) {
        self.0.change(ManifestChange::Paused(frame), |facts| {
            facts.paused = true;
            facts.spans.push(SpanEntry {
                kind: "pause".into(),
                from_frame: frame,
                ..SpanEntry::default()
            });
        });
    }

    fn resumed(&mut self, span: Span) {
        self.0.change(ManifestChange::Resumed(span.to_frame), |facts| {
            facts.paused = false;
            close_pause(&mut facts.spans, span);
        });
    }

    fn loss(&mut self, _lost_ns_total: u64, spans: Vec<Span>) {
        let lost: Vec<SpanEntry> = spans.into_iter().map(span_entry).collect();
        let mut inner = self.0.inner.lock();
        for span in &lost {
            inner.facts.spans.push(span.clone());
        }
        drop(inner);
        self.0.reporter.report_loss(self.0.id, &lost);
    }

    fn finish(self: Box<Self>, reason: EndReason, open: Option<Span>) {
        if let Some((manifest, file)) = self.0.close(RecordingState::Finished, reason, open) {
            let keep = !manifest.end_reason_is(EndReason::Discarded);
            file.finish(manifest, keep);
        }
    }

    fn stuck(self: Box<Self>) {
        let error = Error::new(
            Status::Io,
            "the disk accepted no audio for as long as storage.backlog_ms says",
        );
        self.0.fail(error);
    }

    fn broken(self: Box<Self>, message: &str) {
        let error = Error::new(Status::Internal, format!("a fault inside callrec: {message}"));
        self.0.fail(error);
    }
}

/// Gives the writer the current manifest.
impl ManifestSource for RecordingOutput {
    fn manifest(&self) -> Box<Manifest> {
        let facts = self.inner.lock().facts.clone();
        let mut manifest = Box::new(facts.full_manifest());
        self.put_readings(&mut manifest);
        manifest
    }
}

impl Attachment for RecordingOutput {
    fn readings(&self) -> Readings {
        Readings {
            rate: self.progress.rate(),
            duration_ms: self.progress.duration_ms(),
            paused_ms: self.progress.paused_ms(),
            lost_ms: self.progress.lost_ms(),
            bytes: self.bytes(),
        }
    }

    fn update_call(&self, info: &Arc<CallInfo>, lines: &Arc<Vec<LineStay>>) {
        self.change(ManifestChange::Moved, |facts| {
            facts.info = info.clone();
            facts.lines = lines.clone();
        });
    }

    fn set_held(&self, is_held: bool) {
        self.change(ManifestChange::Moved, |facts| facts.held = is_held);
    }

    /// Leaves out the spans, because there may be thousands, and an event for each block.
    fn describe(&self, failure: Option<(&Error, i64)>) -> String {
        let mut manifest = self.inner.lock().facts.manifest();
        self.put_readings(&mut manifest);
        if let Some((error, ended_at_ms)) = failure {
            manifest.fail(error);
            manifest.set_ended_at(ended_at_ms);
        }
        serde_json::to_string(&manifest).unwrap_or_else(|_| "{}".to_owned())
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
