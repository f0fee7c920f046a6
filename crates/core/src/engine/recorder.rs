//! The engine's implementation of [`Recorder`]. The registry applies the rules.

use std::sync::Arc;

use uuid::Uuid;

use super::Engine;
use crate::calls::{
    AcceptedDraft, CallView, Caller, ControlCounts, ControlOperation, Filter, LiveList, Recording,
    RecordingDraft, RecordingSpec, RecordingView,
};
use crate::config;
use crate::events::{Listener, LiveCalls, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use crate::media::Progress;
use crate::recorder::{ClusterStatistics, Recorder, Statistics};
use crate::text::Text;
use crate::types::{AudioSpec, Error, Format, Result, Status};

impl Recorder for Engine {
    fn default_spec(&self, format: Format) -> RecordingSpec {
        let config = &self.config;
        let spec = RecordingSpec::new(AudioSpec {
            layout: config.layout,
            format,
            pause_mode: config.pause_mode,
            max_duration_ms: config.max_duration_ms,
            rate: self.file_rate(format),
        });
        RecordingSpec {
            keep_raw: config.keep_raw,
            ..spec
        }
    }

    fn file_rate(&self, format: Format) -> u32 {
        match format.rate() {
            // G.711 files keep their 8000 Hz.
            Some(_) => 0,
            None => self.config.sample_rate,
        }
    }

    fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let started = self.begin_recording(caller, target, spec);
        self.audit_start(caller, target, &started);
        Ok(started?.id)
    }

    fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let target = Filter {
            username: caller.username(),
            ..Filter::default()
        };
        let started = match target.username.is_empty() {
            true => Err(Error::new(Status::NoCall, "the caller has no username")),
            // A caller of any level may record their own calls.
            false => self.begin_recording(&Caller::Host, &target, spec),
        };
        self.audit_start(caller, &target, &started);
        Ok(started?.id)
    }

    fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.require_open().and_then(|()| {
            self.registry
                .control_by_id(caller, operation, id, now_ms, &mut touched)
        });
        self.audit_control(caller, operation, &[("id", id)], &touched, done.as_ref().err());
        done
    }

    fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.require_open().and_then(|()| {
            self.registry
                .control_by_line(caller, operation, device, number, now_ms, &mut touched)
        });
        let request = [("device", device.as_str()), ("number", number.as_str())];
        self.audit_control(caller, operation, &request, &touched, done.as_ref().err());
        done
    }

    fn control_own(&self, caller: &Caller, operation: ControlOperation) -> Result<ControlCounts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self
            .require_open()
            .and_then(|()| self.registry.control_own(caller, operation, now_ms, &mut touched));
        let username = caller.username();
        let request = [("user", username.as_str())];
        self.audit_control(caller, operation, &request, &touched, done.as_ref().err());
        done
    }

    fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<ControlCounts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.require_open().and_then(|()| {
            self.registry
                .control_by_call(caller, operation, call_id, url, now_ms, &mut touched)
        });
        // The query of a url may contain secrets.
        let url = url
            .and_then(|url| url.as_str().split('?').next())
            .unwrap_or_default();
        let request = [("call_id", call_id.as_str()), ("url", url)];
        self.audit_control(caller, operation, &request, &touched, done.as_ref().err());
        done
    }

    fn delete(&self, caller: &Caller, id: &str) -> Result<()> {
        self.delete_by_id(caller, id)
    }

    fn hold(&self, caller: &Caller, id: &str, is_held: bool) -> Result<()> {
        self.hold_by_id(caller, id, is_held)
    }

    fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>> {
        self.require_open()?;
        self.panic_point("list");
        let listed = self.registry.list(caller, filter);
        self.audit_refusal(caller, "list", &listed);
        listed
    }

    fn list_live(&self) -> Result<LiveList> {
        self.require_open()?;
        self.panic_point("list");
        self.registry.list_live()
    }

    fn live_version(&self) -> Result<u64> {
        self.require_open()?;
        Ok(self.registry.live_version())
    }

    fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView> {
        self.require_open()?;
        let found = self.registry.get(caller, id);
        self.audit_refusal(caller, "get", &found);
        found
    }

    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>> {
        self.require_open()?;
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
        self.require_open()?;
        let (live_calls, live_recordings, finishing_recordings) = self.registry.counts();
        Ok(Statistics {
            live_calls,
            live_recordings,
            finishing_recordings,
            frames_in: self.media_stats.frames_in(),
            frames_lost: self.media_stats.frames_lost(),
            frames_ignored: self.media_stats.dropped_unknown(),
            bytes_out: self.store.bytes_written(),
            // In stream time a refused block is retried, so nothing is lost.
            bytes_dropped: match self.config.clock {
                config::MediaClock::Real => self.store.dropped_bytes(),
                config::MediaClock::Stream => 0,
            },
            recordings_deleted: self.reporter.deleted_count(),
            backlog_bytes: self.store.backlog_bytes(),
            events_dropped: self.bus.dropped(),
            worker_lag_us: self.media_stats.worker_lag_ns() / 1000,
            free_bytes: self.store.free_bytes(),
            uploads: self.upload_counts().unwrap_or_default(),
            cluster: ClusterStatistics::default(),
        })
    }
}

impl Engine {
    /// Fails if audio from before the start is wanted, and none is kept.
    fn with_lookback(&self, spec: RecordingSpec) -> Result<RecordingSpec> {
        if spec.lookback_ms == 0 || self.media.keeps_past() {
            return Ok(spec);
        }
        Err(Error::new(
            Status::Unsupported,
            format!(
                "options.lookback_ms {}: media.lookback_ms is 0, or media.clock is not \"real\"",
                spec.lookback_ms
            ),
        ))
    }

    fn begin_recording(
        &self,
        caller: &Caller,
        target: &Filter,
        spec: Result<RecordingSpec>,
    ) -> Result<Arc<Recording>> {
        self.require_open()?;
        let draft = self.draft_of(spec);
        let progress = Arc::new(Progress::default());
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, progress);
        self.registry
            .start(caller, target, draft, self.can_store(), begin)
    }

    pub(super) fn draft_of(&self, spec: Result<RecordingSpec>) -> Result<RecordingDraft> {
        let spec = spec.and_then(|spec| self.with_lookback(spec));
        spec.map(|spec| RecordingDraft::new((self.ids)(), spec, &self.config.url_base))
    }
}
