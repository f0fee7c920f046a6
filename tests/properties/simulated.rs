//! The media path alone, in stream time and in simulated real time.

use callrec::media::sim::{self, Sim, SimRecording, SinkEnd};
use callrec::media::{ClockMode, SpanKind};
use callrec::types::{Codec, FeedFormat, Leg, Status};
use proptest::prelude::*;

use crate::check::check;
use crate::model::NS_PER_MS;
use crate::plan::{CallPlan, PlannedRecording, plans};
use crate::require;
use crate::run::{Driver, FeedWrite, LINEAR_TYPE, MsSpan, PlanRun, RecordingResult};

/// Another way to start a recording.
pub type StartTape = Box<dyn FnMut(&mut Sim, sim::RecordingOptions) -> SimRecording>;

pub struct SimulatedDriver {
    sim: Sim,
    pub recordings: Vec<SimRecording>,
    pub start: Option<StartTape>,
}

impl SimulatedDriver {
    pub fn new(plan: &CallPlan) -> SimulatedDriver {
        let clock = if plan.real {
            ClockMode::Real
        } else {
            ClockMode::Stream
        };
        let mut config = sim::config(clock);
        config.flush_ns = plan.flush_ms * NS_PER_MS;
        config.leg_wait_ns = plan.leg_wait_ms * NS_PER_MS;
        SimulatedDriver {
            sim: Sim::new(config),
            recordings: Vec::new(),
            start: None,
        }
    }
}

impl Driver for SimulatedDriver {
    fn attach(&mut self, leg: Leg, codec: Codec, rate: u32) {
        self.sim.attach(leg, FeedFormat { codec, rate });
        let linear = FeedFormat {
            codec: Codec::Pcm16,
            rate,
        };
        self.sim.payload(leg, LINEAR_TYPE, linear);
    }

    fn detach(&mut self, leg: Leg) {
        self.sim.detach(leg);
    }

    fn reformat(&mut self, leg: Leg, codec: Codec, rate: u32) {
        self.sim.set_format(leg, FeedFormat { codec, rate });
    }

    fn write(&mut self, leg: Leg, write: &FeedWrite, arrival_ns: u64) -> Status {
        let Some(feed) = self.sim.feed(leg) else {
            return Status::BadHandle;
        };
        match write {
            FeedWrite::Rtp(packet) => feed.rtp(packet, arrival_ns),
            FeedWrite::Write(bytes) => feed.write(bytes, arrival_ns),
            FeedWrite::WriteAt(at, bytes) => feed.write_at(*at, bytes, arrival_ns),
        }
    }

    fn start(&mut self, planned: PlannedRecording, rate: u32) {
        let wanted = sim::RecordingOptions {
            layout: planned.layout,
            format: planned.format,
            pause_mode: planned.pause_mode,
            max_duration_ms: planned.max_duration_ms,
            rate,
            keep_raw: Default::default(),
        };
        let tape = match &mut self.start {
            Some(start) => start(&mut self.sim, wanted),
            None => self.sim.start(wanted),
        };
        self.recordings.push(tape);
    }

    fn pause(&mut self, tape: usize) {
        self.sim.pause(&self.recordings[tape]);
    }

    fn resume(&mut self, tape: usize) {
        self.sim.resume(&self.recordings[tape]);
    }

    fn stop(&mut self, tape: usize) {
        self.sim.stop(&self.recordings[tape]);
    }

    fn visit(&mut self, now_ns: u64) {
        self.sim.now_ns = now_ns;
        self.sim.visit();
    }

    fn now(&mut self, now_ns: u64) {
        self.sim.now_ns = now_ns;
    }

    fn is_threaded(&self) -> bool {
        false
    }
}

fn span(span: callrec::media::Span) -> MsSpan {
    MsSpan {
        from: span.from_frame,
        to: span.to_frame,
        ms: span.length_ns as f64 / NS_PER_MS as f64,
    }
}

fn result_of(tape: &SimRecording) -> Result<RecordingResult, String> {
    let out = tape.out.lock();
    let Some(SinkEnd::Finished(reason, open)) = out.ending.clone() else {
        return Err(format!("ended with {:?}", out.ending));
    };
    let shape = out.shape.ok_or("no shape")?;
    let losses = out.losses.iter().map(|loss| match loss.kind {
        SpanKind::Loss(leg, _) => Ok((leg as usize, span(*loss))),
        SpanKind::Pause => Err("a pause among the losses".to_owned()),
    });
    let lost_ms = (out.lost_ns + NS_PER_MS / 2) / NS_PER_MS;
    if lost_ms != tape.progress.lost_ms() {
        return Err(format!(
            "{lost_ms} ms lost, but progress says {}",
            tape.progress.lost_ms()
        ));
    }
    Ok(RecordingResult {
        rate: shape.rate,
        channels: shape.channels,
        bytes: out.bytes.clone(),
        reason: Some(reason),
        pauses: out.pauses.iter().copied().chain(open).map(span).collect(),
        losses: losses.collect::<Result<_, _>>()?,
        frames: tape.progress.frames(),
        duration_ms: tape.progress.duration_ms(),
        paused_ms: tape.progress.paused_ms(),
        lost_ms,
        ledger: Some(tape.progress.ledger()),
    })
}

/// Sets how much a recording that is behind renders at each visit; `None`: as in use.
fn set_stride_ns(stride_ns: Option<u64>) {
    #[cfg(feature = "faults")]
    callrec::media::planted::set_stride_ns(stride_ns);
    #[cfg(not(feature = "faults"))]
    let _ = stride_ns;
}

fn same(whole: &RecordingResult, strides: &RecordingResult) -> Result<(), String> {
    let lengths = (whole.bytes.len(), strides.bytes.len());
    let mut pairs = whole.bytes.iter().zip(&strides.bytes);
    let differs = pairs.position(|(one, other)| one != other);
    require!(
        whole.bytes == strides.bytes,
        "the files differ at {differs:?} of {lengths:?}"
    );
    let rest = |result: &RecordingResult| {
        let RecordingResult {
            reason,
            frames,
            paused_ms,
            lost_ms,
            ..
        } = result;
        format!(
            "{reason:?}, {frames} frames, {paused_ms} ms paused, {lost_ms} ms lost, {:?}, {:?}",
            result.pauses, result.ledger
        )
    };
    let (whole, strides) = (rest(whole), rest(strides));
    require!(whole == strides, "{whole} is {strides}");
    Ok(())
}

/// With strides of 40 ms, a recording is behind at nearly every visit, and its file is the same. In stream
/// time, what is late depends on what has been written, so that only the model decides.
fn check_plan(plan: &CallPlan) -> Result<(), TestCaseError> {
    let whole = results_of(plan, None)?;
    let strides = results_of(plan, Some(40 * NS_PER_MS))?;
    let pairs = whole.iter().zip(&strides).enumerate();
    for (n, (whole, strides)) in pairs.filter(|_| plan.real) {
        same(whole, strides)
            .map_err(|words| TestCaseError::fail(format!("recording {n} in strides: {words}")))?;
    }
    Ok(())
}

fn results_of(plan: &CallPlan, stride_ns: Option<u64>) -> Result<Vec<RecordingResult>, TestCaseError> {
    set_stride_ns(stride_ns);
    let mut results = Vec::new();
    let mut run = PlanRun::new(plan, SimulatedDriver::new(plan));
    // The clock begins with the model's.
    run.driver.now(run.model.now_ns);
    run.execute();
    for (n, planned) in run.planned.iter().enumerate() {
        let fail = |words| TestCaseError::fail(format!("recording {n}, {planned:?}: {words}"));
        let result = result_of(&run.driver.recordings[n]).map_err(fail)?;
        match plan.real {
            true => crate::real::check(plan, &run.model, n, *planned, &result),
            false => check(plan, &run.model, n, *planned, &result, false),
        }
        .map_err(fail)?;
        results.push(result);
    }
    set_stride_ns(None);
    Ok(results)
}

proptest! {
    #![proptest_config(crate::cases(200, crate::seeds!("stream")))]

    #[test]
    fn every_sample_has_its_place_in_stream_time(plan in plans(false)) {
        check_plan(&plan)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(1000, crate::seeds!("real")))]

    #[test]
    fn every_sample_is_accounted_for_in_real_time(plan in plans(true)) {
        check_plan(&plan)?;
    }
}
