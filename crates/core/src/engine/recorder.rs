//! The engine as a recorder: its rules are the registry's, its audio the media workers'.

use std::sync::Arc;

use uuid::Uuid;

use super::Engine;
use crate::calls::{
    AcceptedDraft, CallView, Caller, Counts, Filter, Operation, RecordingDraft, RecordingSpec, View,
};
use crate::config;
use crate::events::{Listener, LiveCalls, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use crate::media::Progress;
use crate::recorder::{Recorder, Statistics};
use crate::text::Text;
use crate::words::{AudioSpec, Error, Format, Result, Status};

impl Recorder for Engine {
    fn default_spec(&self, format: Format) -> RecordingSpec {
        let config = &self.config;
        RecordingSpec::new(AudioSpec {
            layout: config.layout,
            format,
            pause_mode: config.pause_mode,
            max_duration_ms: config.max_duration_ms,
            rate: self.file_rate(format),
        })
    }

    fn file_rate(&self, format: Format) -> u32 {
        match format.rate() {
            // G.711 files keep their 8000 Hz.
            Some(_) => 0,
            None => self.config.sample_rate,
        }
    }

    fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid> {
        self.ready()?;
        let draft = spec.map(|spec| RecordingDraft::new((self.ids)(), spec, &self.config.url_base));
        let progress = Arc::new(Progress::default());
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, progress);
        let recording = self
            .registry
            .start(caller, target, draft, self.can_store(), begin)?;
        Ok(recording.id)
    }

    fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let target = Filter {
            username: name_of(caller),
            ..Filter::default()
        };
        if target.username.is_empty() {
            return Err(Error::new(Status::NoCall, "nobody is named"));
        }
        // Their own calls are theirs at every level.
        self.start(&Caller::Host, &target, spec)
    }

    fn control_by_id(&self, caller: &Caller, operation: Operation, id: &str) -> Result<()> {
        self.ready()?;
        self.registry
            .control_by_id(caller, operation, id, self.clock.unix_ms())
    }

    fn control_by_line(
        &self,
        caller: &Caller,
        operation: Operation,
        device: &Text,
        number: &Text,
    ) -> Result<Counts> {
        self.ready()?;
        self.registry
            .control_by_line(caller, operation, device, number, self.clock.unix_ms())
    }

    fn control_own(&self, caller: &Caller, operation: Operation) -> Result<Counts> {
        self.ready()?;
        self.registry
            .control_own(&name_of(caller), operation, self.clock.unix_ms())
    }

    fn control_by_call(
        &self,
        caller: &Caller,
        operation: Operation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<Counts> {
        self.ready()?;
        self.registry
            .control_by_call(caller, operation, call_id, url, self.clock.unix_ms())
    }

    fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<View>> {
        self.ready()?;
        self.fault("list");
        self.registry.list(caller, filter)
    }

    fn get(&self, caller: &Caller, id: &str) -> Result<View> {
        self.ready()?;
        self.registry.get(caller, id)
    }

    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>> {
        self.ready()?;
        self.registry.calls(caller, filter)
    }

    fn subscribe(
        &self,
        options: SubscriptionOptions,
        listener: Arc<dyn Listener>,
    ) -> std::result::Result<SubscriptionId, RefusedSubscription> {
        if !options.calls {
            return self.bus.subscribe_with(options, LiveCalls::default(), listener);
        }
        // No call begins, changes or ends between the list and the first event.
        self.registry.with_live_calls(|calls| match calls {
            Ok(calls) => {
                let live = LiveCalls::new(calls, self.clock.unix_ms());
                self.bus.subscribe_with(options, live, listener)
            }
            Err(error) => Err(RefusedSubscription { error, listener }),
        })
    }

    fn unsubscribe(&self, id: SubscriptionId) -> bool {
        self.bus.unsubscribe(id)
    }

    fn statistics(&self) -> Result<Statistics> {
        self.ready()?;
        let (live_calls, live_recordings, finishing_recordings) = self.registry.counts();
        Ok(Statistics {
            live_calls,
            live_recordings,
            finishing_recordings,
            frames_in: self.media_stats.frames_in(),
            frames_lost: self.media_stats.frames_lost(),
            frames_ignored: self.media_stats.dropped_unknown(),
            bytes_out: self.store.bytes_written(),
            // In stream time a refused block is offered again, and nothing is lost.
            bytes_dropped: match self.config.clock {
                config::MediaClock::Real => self.store.dropped_bytes(),
                config::MediaClock::Stream => 0,
            },
            backlog_bytes: self.store.backlog_bytes(),
            events_dropped: self.bus.dropped(),
            worker_lag_us: self.media_stats.worker_lag_ns() / 1000,
            free_bytes: self.store.free_bytes(),
        })
    }
}

/// Whose calls are the caller's own; empty: nobody's.
fn name_of(caller: &Caller) -> Text {
    match caller {
        Caller::User { username, .. } => username.clone(),
        Caller::Host => Text::default(),
    }
}
