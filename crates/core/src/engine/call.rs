//! Calls: announced by the host, updated and ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::Engine;
use super::call_reporter::{CallReporter, ReportContext};
use super::feeds::{CallFeeds, FeedSlot, OpenFeed};
use super::reference::{HostReference, ReferenceCell};
use crate::calls::{CallInfo, CallState, CallUpdate, ConsentState, MediaControl, Party};
use crate::clock::Clock;
use crate::events::LogLevel;
use crate::media::CallTap;
use crate::sync::catch_panic;
use crate::text::Text;
use crate::types::{EndReason, Error, FeedOptions, Leg, Result, Status};

/// A live call: its feeds, and the connection to its media worker.
pub struct Call {
    pub engine: Arc<Engine>,
    pub number: u64,
    pub(super) tap: Arc<CallTap>,
    feeds: Arc<CallFeeds>,
    reference: ReferenceCell,
}

struct TapWire {
    tap: Arc<CallTap>,
    report: Arc<CallReporter>,
    clock: Arc<dyn Clock>,
}

impl MediaControl for TapWire {
    fn set_info(&self, info: &Arc<CallInfo>) {
        let before = self.report.describe(info).unwrap_or_default();
        if let Some(age_ns) = info.consent.begins_before_ns(&before, self.clock.unix_ms()) {
            self.tap.forget_before(age_ns);
        }
        // Recordings that wait for consent are as those of a private call.
        let forbidden = |info: &CallInfo| (info.forbids_audio(), info.forbids_past());
        if forbidden(&before) != forbidden(info) {
            match forbidden(info) {
                (true, false) => self.tap.await_consent(),
                (on, _) => self.tap.private(on),
            }
        }
        let held = |info: &CallInfo| info.state == CallState::Held;
        if held(&before) != held(info) {
            self.tap.hold(held(info));
        }
    }

    fn pause(&self, id: Uuid) {
        self.tap.pause(id);
    }

    fn resume(&self, id: Uuid) {
        self.tap.resume(id);
    }

    fn stop(&self, id: Uuid, reason: EndReason) {
        self.tap.stop(id, reason);
    }

    fn end(&self, reason: EndReason) {
        self.tap.end(reason);
        self.report.end(reason);
    }

    fn keep_past(&self, on: bool) {
        self.tap.keep_past(on);
    }

    fn last_media_ns(&self) -> u64 {
        self.tap.last_media_ns()
    }

    fn kept_from_ns(&self) -> Option<u64> {
        self.tap.kept_from_ns()
    }
}

impl Engine {
    /// Unix time in milliseconds, now.
    pub fn unix_ms(&self) -> i64 {
        self.clock.unix_ms()
    }

    /// Announces a call.
    // Inlined into the package callrec, it would be compiled for speed.
    #[inline(never)]
    pub fn begin_call(self: &Arc<Engine>, mut info: CallInfo) -> Result<Arc<Call>> {
        self.require_open()?;
        let now_ms = self.clock.unix_ms();
        if info.call_id.is_empty() {
            info.call_id = Text::from((self.ids)().to_string());
        }
        if info.related_ids.contains(&info.call_id) {
            info.related_ids = Arc::default();
        }
        if info.connected_at_ms == 0 {
            info.connected_at_ms = now_ms;
        }
        info.consent.is_required = self.config.consent_required;
        let number = self.next_call.fetch_add(1, Ordering::Relaxed);
        let worker = &self.workers[number as usize % self.workers.len()];
        let reporting = ReportContext {
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            silent_ns: self.media.silent_ns,
            is_memory_short: self.config.is_memory_short,
        };
        let report = Arc::new(CallReporter::new(number, reporting));
        let tap = CallTap::new(
            number,
            self.media.clone(),
            self.media_stats.clone(),
            self.overflow.clone(),
            worker.clone(),
            report.clone(),
        );
        let call = Arc::new(Call {
            engine: self.clone(),
            number,
            tap: tap.clone(),
            feeds: CallFeeds::new(tap.clone(), self.codecs.clone(), report.clone()),
            reference: ReferenceCell::default(),
        });
        if let Err(error) = self.add_call(&call) {
            tap.end(EndReason::CallEnded);
            return Err(error);
        }
        let wire = TapWire {
            tap: tap.clone(),
            report,
            clock: self.clock.clone(),
        };
        match self.registry.begin(number, info, now_ms, Arc::new(wire)) {
            Ok(begun) => {
                if begun.automatic {
                    self.start_automatic(number);
                }
                // Closing may have listed the calls just before this one was added.
                if self.closing.load(Ordering::Acquire) {
                    self.end_call(number, EndReason::EngineClosed);
                    self.require_open()?;
                }
                Ok(call)
            }
            Err(error) => {
                self.calls.lock().remove(&number);
                tap.end(EndReason::CallEnded);
                Err(error)
            }
        }
    }

    /// Fails with `LIMIT` if there is no memory for another call.
    fn add_call(&self, call: &Arc<Call>) -> Result<()> {
        let mut calls = self.calls.lock();
        calls.grow(&call.number)?;
        calls.insert(call.number, call.clone());
        Ok(())
    }

    /// Ends the call with this number. Returns false if it had ended before.
    pub(super) fn end_call(&self, number: u64, reason: EndReason) -> bool {
        let Some(call) = self.calls.lock().get(&number).cloned() else {
            return false;
        };
        match catch_panic(|| call.feeds.end(|| self.panic_point("detach"))) {
            Ok(false) => return false,
            Ok(true) => {}
            // The end has begun, and no other thread will complete it.
            Err(panic) => self.bus.log(
                LogLevel::Error,
                format!("a fault inside callrec while the feeds of a call were closed: {panic}"),
            ),
        }
        call.reference.end();
        let ended = self.registry.end(number, reason, self.clock.unix_ms());
        if let Ok(recordings) = &ended {
            self.audit_call_end(recordings, reason);
        }
        // Last, so that a start that the registry still accepted finds the call here.
        self.calls.lock().remove(&number);
        ended.is_ok()
    }

    /// Replaces a line's policy, and starts automatic recordings of its calls.
    pub fn set_line(self: &Arc<Engine>, device: &Text, number: &Text, flags: u32) -> Result<()> {
        self.require_open()?;
        require_line_name(device, number)?;
        for call in self.registry.set_line(device, number, flags)? {
            self.start_automatic(call);
        }
        Ok(())
    }

    pub fn remove_line(&self, device: &Text, number: &Text) -> Result<()> {
        self.require_open()?;
        require_line_name(device, number)?;
        self.registry.remove_line(device, number);
        Ok(())
    }
}

fn require_line_name(device: &Text, number: &Text) -> Result<()> {
    if !device.is_empty() || !number.is_empty() {
        return Ok(());
    }
    let text = "line: device_name and directory_number are both empty";
    Err(Error::new(Status::NoTarget, text).with_reason(0))
}

impl Call {
    /// Sets the host's reference to the call. The call revokes it when it ends.
    pub fn set_reference(&self, reference: Box<dyn HostReference>) {
        self.reference.set(reference);
    }

    /// Opens the feed of a leg. An open feed of that leg is closed and taken out of its slot.
    /// `place` moves the new feed into a free slot; it returns `None` if there is none, and the
    /// function fails with `LIMIT`.
    pub fn open_feed<S: FeedSlot + Clone + 'static>(
        &self,
        leg: Leg,
        options: impl Into<FeedOptions>,
        place: impl FnOnce(&mut Option<OpenFeed>) -> Option<S>,
    ) -> Result<S> {
        self.engine.require_open()?;
        self.feeds.open(leg, options.into(), &self.engine.ahead, place)
    }

    /// A refusal of consent works while the engine closes, because the call is recorded until it has
    /// ended.
    // Inlined into the package callrec, it would be compiled for speed.
    #[inline(never)]
    pub fn update(&self, update: &CallUpdate) -> Result<()> {
        if update.consent.state != Some(ConsentState::Refused) {
            self.engine.require_open()?;
        }
        let begun = self.engine.update_call(self.number, update)?;
        let reason = self.engine.config.on_refusal.end_reason();
        self.engine.audit_call_end(&begun.refused, reason);
        self.engine.report_transfer(self.number, &begun.transferred);
        if begun.automatic {
            self.engine.start_automatic(self.number);
        }
        Ok(())
    }

    /// Works while the engine closes, because the call is recorded until it has ended.
    pub fn set_private(&self, on: bool) -> Result<()> {
        self.engine.registry.set_private(self.number, on)
    }

    /// These parties are heard on the leg from now on.
    pub fn set_parties(&self, leg: Leg, parties: Vec<Party>) -> Result<()> {
        self.engine.require_open()?;
        let now_ms = self.engine.clock.unix_ms();
        self.engine
            .registry
            .set_parties(self.number, leg, parties, now_ms)
    }

    pub fn end(&self) -> Result<()> {
        if self.engine.end_call(self.number, EndReason::CallEnded) {
            return Ok(());
        }
        Err(Error::new(Status::BadHandle, "call: it has ended"))
    }

    pub fn call_id(&self) -> Result<Text> {
        match self.engine.registry.call_info(self.number) {
            Some(info) => Ok(info.call_id.clone()),
            None => Err(Error::new(Status::BadHandle, "call: it has ended")),
        }
    }
}
