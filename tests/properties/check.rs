//! Compares a recording in stream time with the model: every sample is at its place.

use callrec::codec::SampleFormat;
use callrec::types::{EndReason, Format, Layout, PauseMode};
use callrec_testkit::g711::Law;
use callrec_testkit::sample::ExpectedSample;

use crate::model::{CallModel, ControlSpan, MIXED, NS_PER_MS, WrittenSample, index, time};
use crate::names::paused_names;
use crate::outcomes::{PlaceOutcome, outcomes};
use crate::plan::{CallPlan, PlannedRecording};
use crate::require;
use crate::run::{MsSpan, RecordingResult};

/// The frames of the file that come from one span between control points.
pub struct FilePart {
    pub control_span: ControlSpan,
    frame: u64,
    /// The leg's sample that is the first frame.
    pub from: u64,
    pub frames: u64,
}

/// The file that the model expects.
pub struct ExpectedFile {
    parts: Vec<FilePart>,
    frames: u64,
    pub limited: bool,
    pauses: Vec<MsSpan>,
    paused_ns: u64,
    /// The order number of the recording's end.
    pub ended: u32,
}

impl ExpectedFile {
    /// Whether the recording was recording at this order number.
    pub fn is_recorded(&self, order: u32, part: &FilePart) -> bool {
        let within =
            |control_span: &ControlSpan| control_span.orders.0 < order && order < control_span.orders.1;
        within(&part.control_span) || self.parts.iter().any(|part| within(&part.control_span))
    }

    pub fn new(spans: &[ControlSpan], planned: PlannedRecording, rate: u32) -> ExpectedFile {
        let limit = match u64::from(planned.max_duration_ms) {
            0 => u64::MAX,
            ms => ((ms * u64::from(rate) + 500) / 1000).max(1),
        };
        let mut file = ExpectedFile {
            parts: Vec::new(),
            frames: 0,
            limited: false,
            pauses: Vec::new(),
            paused_ns: 0,
            ended: 0,
        };
        for control_span in spans.iter().copied() {
            let (from, to) = (index(control_span.from_ns, rate), index(control_span.to_ns, rate));
            let skipped = control_span.paused && planned.pause_mode == PauseMode::Skip;
            let frames = if skipped {
                0
            } else {
                (to - from).min(limit - file.frames)
            };
            let frame = file.frames;
            file.frames += frames;
            file.limited = file.frames >= limit;
            file.ended = control_span.orders.1;
            if control_span.paused {
                let to_ns = if file.limited {
                    time(from + frames, rate)
                } else {
                    control_span.to_ns
                };
                let length = to_ns.saturating_sub(control_span.from_ns);
                file.paused_ns += length;
                file.pauses.push(MsSpan {
                    from: frame,
                    to: file.frames,
                    ms: length as f64 / NS_PER_MS as f64,
                });
            } else {
                file.parts.push(FilePart {
                    control_span,
                    frame,
                    from,
                    frames,
                });
            }
            if file.limited {
                break;
            }
        }
        file
    }
}

/// The legs that each channel has.
pub fn channels(layout: Layout, mixed: bool) -> Vec<Vec<usize>> {
    match (mixed, layout) {
        (true, _) => vec![vec![MIXED]],
        (false, Layout::Stereo) => vec![vec![0], vec![1]],
        (false, Layout::Mono) => vec![vec![0, 1]],
        (false, Layout::Local) => vec![vec![0]],
        (false, Layout::Remote) => vec![vec![1]],
    }
}

pub fn is_near(a: f64, b: f64, whole: bool) -> bool {
    // Rounded to whole milliseconds, or to nanoseconds.
    (a - b).abs() <= if whole { 0.51 } else { 0.000_01 }
}

/// Checks one recording. `whole`: its lengths are in whole milliseconds.
pub fn check(
    plan: &CallPlan,
    model: &CallModel,
    recording: usize,
    planned: PlannedRecording,
    result: &RecordingResult,
    whole: bool,
) -> Result<(), String> {
    let rate = plan.rate;
    let file = ExpectedFile::new(&model.recordings[recording].spans, planned, rate);
    let channels = channels(planned.layout, plan.mixed);
    require!(result.rate == rate, "{} Hz, not {rate}", result.rate);
    require!(
        usize::from(result.channels) == channels.len(),
        "{} channels",
        result.channels
    );
    let size = planned.format.samples().bytes() * channels.len();
    require!(result.bytes.len().is_multiple_of(size), "half a frame");
    let frames = (result.bytes.len() / size) as u64;
    require!(frames == file.frames, "{frames} frames, not {}", file.frames);
    require!(
        result.frames == frames,
        "{} frames reported, not {frames}",
        result.frames
    );
    let duration_ms = (frames * 1000 + u64::from(rate) / 2) / u64::from(rate);
    require!(
        result.duration_ms == duration_ms,
        "{} ms reported, not {duration_ms}",
        result.duration_ms
    );
    let reason = if file.limited {
        EndReason::Limit
    } else {
        EndReason::Stopped
    };
    require!(
        result.reason == Some(reason),
        "ended: {:?}, not {reason:?}",
        result.reason
    );
    pauses(&file, result, whole)?;
    let times_lost = losses(&channels, rate, frames, result, whole)?;
    for part in &file.parts {
        for n in 0..part.frames {
            let frame = part.frame + n;
            let bytes = &result.bytes[frame as usize * size..][..size];
            frame_holds(
                model,
                &file,
                part,
                n,
                &channels,
                planned.format,
                &times_lost,
                bytes,
            )
            .map_err(|words| format!("frame {frame} of {frames}: {words}"))?;
        }
    }
    silent_in_pauses(&file.pauses, planned, result, size)?;
    paused_names(model, recording, planned, result, &channels)
}

fn pauses(file: &ExpectedFile, result: &RecordingResult, whole: bool) -> Result<(), String> {
    let same = |a: &MsSpan, b: &MsSpan| (a.from, a.to) == (b.from, b.to) && is_near(a.ms, b.ms, whole);
    let all = file.pauses.len() == result.pauses.len();
    let all = all && file.pauses.iter().zip(&result.pauses).all(|(a, b)| same(a, b));
    require!(all, "pauses {:?}, not {:?}", result.pauses, file.pauses);
    let paused_ms = (file.paused_ns + NS_PER_MS / 2) / NS_PER_MS;
    require!(
        result.paused_ms == paused_ms,
        "paused {} ms, not {paused_ms}",
        result.paused_ms
    );
    Ok(())
}

/// The longest packet of a plan.
const PACKET_MS: f64 = 60.0;

/// How often each frame of each leg is reported as lost. The sum must be the reported one.
pub fn losses(
    channels: &[Vec<usize>],
    rate: u32,
    frames: u64,
    result: &RecordingResult,
    whole: bool,
) -> Result<[Vec<u32>; 3], String> {
    let mut times_lost = [0, 1, 2].map(|_| vec![0; frames as usize]);
    let mut sum_ms = 0.0;
    for (leg, span) in &result.losses {
        require!(
            channels
                .iter()
                .flatten()
                .any(|legs_of_channel| legs_of_channel == leg),
            "loss on leg {leg}, which is not recorded"
        );
        require!(
            span.from <= span.to && span.to <= frames,
            "loss span {span:?} of {frames} frames"
        );
        // The part of a packet before the resume that it spans has no frame. Neither has audio that
        // was written before a pause and belongs to it.
        if span.from == span.to {
            let is_cut = |pause: &MsSpan| pause.from == span.to || pause.to == span.to && span.ms < PACKET_MS;
            require!(
                result.pauses.iter().any(is_cut),
                "loss span {span:?} without a frame"
            );
            sum_ms += span.ms;
            continue;
        }
        let ms = (span.to - span.from) as f64 * 1000.0 / f64::from(rate);
        // A span may be the sum of several, each rounded to a nanosecond.
        require!(
            (ms - span.ms).abs() < if whole { 0.51 } else { 0.001 },
            "loss span {span:?} is {ms} ms long"
        );
        sum_ms += ms;
        for frame in &mut times_lost[*leg][span.from as usize..span.to as usize] {
            *frame += 1;
        }
    }
    require!(
        (sum_ms - result.lost_ms as f64).abs() < 0.51,
        "lost {} ms, not {sum_ms}",
        result.lost_ms
    );
    Ok(times_lost)
}

#[allow(clippy::too_many_arguments)]
fn frame_holds(
    model: &CallModel,
    file: &ExpectedFile,
    part: &FilePart,
    n: u64,
    channels: &[Vec<usize>],
    format: Format,
    times_lost: &[Vec<u32>; 3],
    bytes: &[u8],
) -> Result<(), String> {
    let size = format.samples().bytes();
    for (channel, legs_of_channel) in channels.iter().enumerate() {
        let sample = &bytes[channel * size..][..size];
        let mut possible: [Vec<WrittenSample>; 2] =
            [vec![WrittenSample::Silence], vec![WrittenSample::Silence]];
        for (possible, &leg) in possible.iter_mut().zip(legs_of_channel) {
            let times_lost = times_lost[leg][(part.frame + n) as usize];
            let at = part.from + n;
            let place = model.legs[leg].places.get(at as usize);
            let outcomes = place.map_or_else(
                || vec![PlaceOutcome::NOTHING],
                |place| outcomes(place, at, file, part),
            );
            *possible = outcomes
                .iter()
                .filter(|outcome| outcome.losses == times_lost)
                .map(|outcome| outcome.sample)
                .collect();
            require!(
                !possible.is_empty(),
                "leg {leg}: reported as lost {times_lost} times at {at}: {outcomes:?}, {place:?}"
            );
        }
        let (first, second) = (&possible[0], &possible[1]);
        let met = first
            .iter()
            .any(|one| second.iter().any(|two| is_mix(format, [*one, *two], sample)));
        require!(met, "channel {channel} is {sample:?}, not {possible:?}");
    }
    Ok(())
}

fn is_mix(format: Format, samples: [WrittenSample; 2], found: &[u8]) -> bool {
    let law = match format.samples() {
        SampleFormat::Pcm16 => None,
        SampleFormat::Ulaw => Some(Law::Mu),
        SampleFormat::Alaw => Some(Law::A),
    };
    ExpectedSample::mix(law, &samples).matches(found)
}

pub fn silent_in_pauses(
    pauses: &[MsSpan],
    planned: PlannedRecording,
    result: &RecordingResult,
    size: usize,
) -> Result<(), String> {
    for pause in pauses {
        let bytes = &result.bytes[pause.from as usize * size..pause.to as usize * size];
        let silent = bytes
            .iter()
            .all(|byte| *byte == planned.format.samples().silence());
        require!(silent, "not silent in {pause:?}");
    }
    Ok(())
}
