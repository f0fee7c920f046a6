//! A call in simulated time, for tests and benchmarks. Drives feeds, control points and visits
//! without a thread or a clock, and collects the output of the recordings.

mod collector;

pub use collector::{Collected, Collector, SinkEnd};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callrec_base::sync::Mutex;
use callrec_media::external::PayloadFormat;
use uuid::Uuid;

use super::call::CallMedia;
use super::call_tap::PointAction;
use super::drain::Scratch;
use super::{
    CallTap, ClockMode, Feed, MediaConfig, MediaReport, MediaStats, OtherPayload, OverflowPool, Progress,
    Sink, TapSpec, WorkerInbox,
};
use callrec_base::clock::{NS_PER_MS, SystemClock};
use callrec_base::types::{
    AudioSpec, EndReason, FeedOptions, Format, KeepRaw, Layout, Leg, PauseMode, Status,
};

/// Further visits that a recording with short strides gets at one moment.
#[cfg(feature = "faults")]
const VISITS_MAX: usize = 10_000;

/// Parameters of a simulated recording.
#[derive(Clone, Copy, Debug)]
pub struct RecordingOptions {
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    pub max_duration_ms: u32,
    pub rate: u32,
    pub keep_raw: KeepRaw,
}

impl Default for RecordingOptions {
    fn default() -> RecordingOptions {
        RecordingOptions {
            layout: Layout::Stereo,
            format: Format::WAV,
            pause_mode: PauseMode::Silence,
            max_duration_ms: 0,
            rate: 0,
            keep_raw: KeepRaw::Never,
        }
    }
}

/// One recording of a simulated call.
#[derive(Clone)]
pub struct SimRecording {
    pub id: Uuid,
    pub progress: Arc<Progress>,
    pub out: Arc<Mutex<Collected>>,
}

impl SimRecording {
    /// Creates a recording and the spec to start it.
    pub fn new(id: u128, options: RecordingOptions) -> (SimRecording, TapSpec) {
        let recording = SimRecording {
            id: Uuid::from_u128(id),
            progress: Arc::default(),
            out: Arc::default(),
        };
        let spec = TapSpec {
            id: recording.id,
            audio: AudioSpec {
                layout: options.layout,
                format: options.format,
                pause_mode: options.pause_mode,
                max_duration_ms: options.max_duration_ms,
                rate: options.rate,
            },
            keep_raw: options.keep_raw,
            from_ns: None,
            follows: None,
            progress: recording.progress.clone(),
            sink: Box::new(Collector(recording.out.clone())),
        };
        (recording, spec)
    }
}

/// The default configuration, with the faults that are planted on this thread.
pub fn config(clock: ClockMode) -> MediaConfig {
    MediaConfig {
        clock,
        time: Arc::new(SystemClock),
        reorder_ns: 60 * NS_PER_MS,
        leg_wait_ns: 2_000 * NS_PER_MS,
        flush_ns: 700 * NS_PER_MS,
        backlog_ns: 15_000 * NS_PER_MS,
        silent_ns: 10_000 * NS_PER_MS,
        hold_is_silence: false,
        masks_dtmf: false,
        lookback_ns: 0,
        lookback_bytes: 1 << 30,
        conceals: false,
        overflow_bytes: 1 << 20,
        #[cfg(feature = "faults")]
        panic_at: Vec::new(),
        #[cfg(feature = "faults")]
        planted: super::planted::current().fault(),
    }
}

/// Collects the reports of a call.
#[derive(Debug, Default)]
pub struct Reports {
    pub ignored: Mutex<Vec<(Leg, u8)>>,
    pub silent: Mutex<Vec<Leg>>,
    pub on_hold: AtomicBool,
}

impl MediaReport for Reports {
    fn ignored(&self, leg: Leg, payload_type: u8) {
        self.ignored.lock().push((leg, payload_type));
    }

    fn silent(&self, leg: Leg) {
        self.silent.lock().push(leg);
    }

    fn is_connected(&self) -> bool {
        !self.on_hold.load(Ordering::Relaxed)
    }
}

/// A simulated call. The test sets its clock, `now_ns`.
pub struct Sim {
    pub now_ns: u64,
    pub stats: Arc<MediaStats>,
    pub reports: Arc<Reports>,
    pub overflow: Arc<OverflowPool>,
    pub call: Arc<CallTap>,
    state: CallMedia,
    feeds: [Option<Feed>; 3],
    recordings: u128,
}

impl Sim {
    pub fn new(config: MediaConfig) -> Sim {
        let overflow = OverflowPool::new(config.overflow_bytes);
        Sim::sharing(config, overflow)
    }

    /// A call that shares its overflow memory with others.
    pub fn sharing(config: MediaConfig, overflow: Arc<OverflowPool>) -> Sim {
        let (config, stats) = (Arc::new(config), Arc::<MediaStats>::default());
        let reports = Arc::<Reports>::default();
        let worker = WorkerInbox::new(config.clone(), stats.clone(), 0);
        let call = CallTap::unregistered(
            1,
            config,
            stats.clone(),
            overflow.clone(),
            worker,
            reports.clone(),
        );
        // No worker reads the inbox: a call that is urgent is never added to it.
        call.urgent.store(true, std::sync::atomic::Ordering::SeqCst);
        Sim {
            now_ns: 1_000 * NS_PER_MS,
            stats,
            reports,
            overflow,
            state: CallMedia::new(call.clone()),
            call,
            feeds: [None, None, None],
            recordings: 0,
        }
    }

    pub fn real() -> Sim {
        Sim::new(config(ClockMode::Real))
    }

    pub fn stream() -> Sim {
        Sim::new(config(ClockMode::Stream))
    }

    pub fn attach(&mut self, leg: Leg, options: impl Into<FeedOptions>) {
        let now = self.now_ns;
        let options = options.into();
        let home = self.call.lease_ring(options).expect("there is memory");
        self.feeds[leg as usize] = Some(self.call.attach_clocked(leg, options, home, || now));
    }

    pub fn detach(&mut self, leg: Leg) {
        let now = self.now_ns;
        if let Some(feed) = self.feeds[leg as usize].take() {
            self.call.detach_clocked(leg, feed, || now);
        }
    }

    pub fn set_format(&mut self, leg: Leg, options: impl Into<FeedOptions>) {
        let now = self.now_ns;
        if let Some(feed) = &mut self.feeds[leg as usize] {
            let changed = self.call.set_format_clocked(leg, feed, options, || now);
            changed.expect("there is memory");
        }
    }

    pub fn payload(&mut self, leg: Leg, payload_type: u8, format: impl Into<PayloadFormat>) {
        let now = self.now_ns;
        if let Some(feed) = &mut self.feeds[leg as usize] {
            let changed = self.call.payload_clocked(leg, feed, payload_type, format, || now);
            changed.expect("there is memory");
        }
    }

    pub fn other_payload(&mut self, leg: Leg, payload_type: u8, payload: OtherPayload) {
        let now = self.now_ns;
        self.call
            .other_payload_clocked(leg, payload_type, payload, || now);
    }

    pub fn feed(&mut self, leg: Leg) -> Option<&mut Feed> {
        self.feeds[leg as usize].as_mut()
    }

    /// Feeds a packet that was received now.
    pub fn rtp(&mut self, leg: Leg, packet: &[u8]) -> Status {
        let now = self.now_ns;
        let feed = self.feed(leg);
        feed.map_or(Status::BadHandle, |feed| feed.rtp(packet, now))
    }

    /// Feeds a packet that the host received `age_ns` ago.
    pub fn rtp_aged(&mut self, leg: Leg, packet: &[u8], age_ns: u64) -> Status {
        let arrival = self.now_ns.saturating_sub(age_ns);
        let feed = self.feed(leg);
        feed.map_or(Status::BadHandle, |feed| feed.rtp_aged(packet, arrival))
    }

    pub fn write(&mut self, leg: Leg, payload: &[u8]) -> Status {
        let now = self.now_ns;
        let feed = self.feed(leg);
        feed.map_or(Status::BadHandle, |feed| feed.write(payload, now))
    }

    pub fn write_at(&mut self, leg: Leg, at: u64, payload: &[u8]) -> Status {
        let now = self.now_ns;
        let feed = self.feed(leg);
        feed.map_or(Status::BadHandle, |feed| feed.write_at(at, payload, now))
    }

    pub fn start(&mut self, options: RecordingOptions) -> SimRecording {
        self.recordings += 1;
        self.start_into(self.recordings, options, |collector| collector)
    }

    /// Starts a recording that begins with the audio from `from_ns` on.
    pub fn start_from(&mut self, from_ns: u64, options: RecordingOptions) -> SimRecording {
        self.recordings += 1;
        let (recording, mut spec) = SimRecording::new(self.recordings, options);
        spec.from_ns = Some(from_ns);
        self.set(PointAction::Start(Box::new(spec)));
        recording
    }

    /// As if a consent reached back only so far.
    pub fn forget_before(&mut self, age_ns: u64) {
        self.set(PointAction::Forget { age_ns });
    }

    /// Starts a recording with this id. `sink` may wrap its collector.
    pub fn start_into(
        &mut self,
        id: u128,
        options: RecordingOptions,
        sink: impl FnOnce(Box<dyn Sink>) -> Box<dyn Sink>,
    ) -> SimRecording {
        let (recording, mut spec) = SimRecording::new(id, options);
        spec.sink = sink(spec.sink);
        self.set(PointAction::Start(Box::new(spec)));
        recording
    }

    /// Ends a recording, and starts one that follows it, as at a transfer.
    pub fn transfer(&mut self, ended: &SimRecording, options: RecordingOptions) -> SimRecording {
        self.recordings += 1;
        let (recording, mut spec) = SimRecording::new(self.recordings, options);
        spec.follows = Some(ended.id);
        let now = self.now_ns;
        self.call.start_clocked(spec, || now);
        recording
    }

    pub fn start_paused(&mut self, options: RecordingOptions) -> SimRecording {
        let recording = self.start(options);
        self.set(PointAction::BeginPaused(recording.id));
        recording
    }

    pub fn pause(&mut self, recording: &SimRecording) {
        self.set(PointAction::Pause(recording.id));
    }

    pub fn resume(&mut self, recording: &SimRecording) {
        self.set(PointAction::Resume(recording.id));
    }

    pub fn stop(&mut self, recording: &SimRecording) {
        self.set(PointAction::Stop(recording.id, EndReason::Stopped));
    }

    pub fn discard(&mut self, recording: &SimRecording) {
        self.set(PointAction::Stop(recording.id, EndReason::Discarded));
    }

    /// Sets whether the call is private.
    pub fn private(&mut self, on: bool) {
        let keeps_past = !on;
        self.set(PointAction::Private { on, keeps_past });
    }

    /// Whether the call's line lets audio be kept for recordings that begin earlier.
    pub fn keep_past(&mut self, on: bool) {
        self.set(PointAction::KeepPast(on));
    }

    /// The call waits for consent, until `private(false)`.
    pub fn await_consent(&mut self) {
        self.set(PointAction::Private {
            on: true,
            keeps_past: true,
        });
    }

    pub fn hold(&mut self, on: bool) {
        self.reports.on_hold.store(on, Ordering::Relaxed);
        self.set(PointAction::Hold(on));
    }

    pub fn clear(&mut self, leg: Leg) {
        let now = self.now_ns;
        if let Some(feed) = self.feed(leg) {
            feed.clear(now);
        }
        self.set(PointAction::Clear(leg));
    }

    pub fn end(&mut self) {
        let now = self.now_ns;
        self.call.end_clocked(EndReason::CallEnded, || now);
    }

    /// A digit was keyed in on a leg.
    pub fn digit(&mut self, leg: Leg, length_ms: u64) {
        let length_ns = length_ms * NS_PER_MS;
        self.set(PointAction::Dtmf { leg, length_ns });
    }

    fn set(&mut self, action: PointAction) {
        let now = self.now_ns;
        self.call.set(action, || now);
    }

    /// Runs one visit of the worker.
    pub fn visit(&mut self) {
        self.state.visit_guarded(self.now_ns, &mut Scratch::default());
        self.catch_up();
    }

    /// With short strides, a recording that is behind catches up as if a worker visited it many times.
    fn catch_up(&mut self) {
        #[cfg(feature = "faults")]
        if super::planted::stride_ns().is_some() {
            for _ in 0..VISITS_MAX {
                if !self.state.is_behind() {
                    return;
                }
                self.state.visit_guarded(self.now_ns, &mut Scratch::default());
            }
        }
    }

    /// Whether the worker would skip a visit now.
    pub fn can_wait(&self) -> bool {
        !self.state.visit_times().is_due(self.now_ns, 100 * NS_PER_MS)
    }

    /// Advances the clock by `ms`, with a visit at least every 100 ms.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now_ns + ms * NS_PER_MS;
        while self.now_ns < until {
            self.now_ns = (self.now_ns + 100 * NS_PER_MS).min(until);
            self.visit();
        }
    }

    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }
}
