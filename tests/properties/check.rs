//! What a recording of stream time left, held against the model: every sample in its place.

use callrec::codec::SampleFormat;
use callrec::words::{EndReason, Format, Layout, PauseMode};
use callrec_testkit::g711::Law;
use callrec_testkit::sample::ExpectedSample;

use crate::hold;
use crate::model::{CallModel, ControlSpan, MIXED, NS_PER_MS, WrittenSample, index, time};
use crate::names::paused_names;
use crate::outcomes::{PlaceOutcome, outcomes};
use crate::plan::{CallPlan, PlannedRecording};
use crate::run::{MsSpan, RecordingResult};

/// Frames of the file that one stretch of a recording fills.
pub struct FilePart {
    pub stretch: ControlSpan,
    frame: u64,
    /// Its first sample on the legs' grid.
    pub from: u64,
    pub frames: u64,
}

/// The file as the model has it.
pub struct ExpectedFile {
    parts: Vec<FilePart>,
    frames: u64,
    pub limited: bool,
    pauses: Vec<MsSpan>,
    paused_ns: u64,
    /// The number by which it was over.
    pub ended: u32,
}

impl ExpectedFile {
    /// What was handed in with that number was so while the recording recorded.
    pub fn is_recorded(&self, order: u32, part: &FilePart) -> bool {
        let within = |stretch: &ControlSpan| stretch.orders.0 < order && order < stretch.orders.1;
        within(&part.stretch) || self.parts.iter().any(|part| within(&part.stretch))
    }

    pub fn new(stretches: &[ControlSpan], wish: PlannedRecording, rate: u32) -> ExpectedFile {
        let limit = match u64::from(wish.max_duration_ms) {
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
        for stretch in stretches.iter().copied() {
            let (from, to) = (index(stretch.from_ns, rate), index(stretch.to_ns, rate));
            let skipped = stretch.paused && wish.pause_mode == PauseMode::Skip;
            let frames = if skipped {
                0
            } else {
                (to - from).min(limit - file.frames)
            };
            let frame = file.frames;
            file.frames += frames;
            file.limited = file.frames >= limit;
            file.ended = stretch.orders.1;
            if stretch.paused {
                let to_ns = if file.limited {
                    time(from + frames, rate)
                } else {
                    stretch.to_ns
                };
                let length = to_ns.saturating_sub(stretch.from_ns);
                file.paused_ns += length;
                file.pauses.push(MsSpan {
                    from: frame,
                    to: file.frames,
                    ms: length as f64 / NS_PER_MS as f64,
                });
            } else {
                file.parts.push(FilePart {
                    stretch,
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

/// Which legs are heard in which channel.
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
    // Told in whole milliseconds, or in nanoseconds.
    (a - b).abs() <= if whole { 0.51 } else { 0.000_01 }
}

/// `whole`: lengths are told in whole milliseconds.
pub fn check(
    plan: &CallPlan,
    model: &CallModel,
    tape: usize,
    wish: PlannedRecording,
    taken: &RecordingResult,
    whole: bool,
) -> Result<(), String> {
    let rate = plan.rate;
    let file = ExpectedFile::new(&model.tapes[tape].stretches, wish, rate);
    let channels = channels(wish.layout, plan.mixed);
    hold!(taken.rate == rate, "{} Hz, not {rate}", taken.rate);
    hold!(
        usize::from(taken.channels) == channels.len(),
        "{} channels",
        taken.channels
    );
    let size = wish.format.samples().bytes() * channels.len();
    hold!(taken.bytes.len().is_multiple_of(size), "half a frame");
    let frames = (taken.bytes.len() / size) as u64;
    hold!(frames == file.frames, "{frames} frames, not {}", file.frames);
    hold!(
        taken.frames == frames,
        "told of {} frames, not {frames}",
        taken.frames
    );
    let duration_ms = (frames * 1000 + u64::from(rate) / 2) / u64::from(rate);
    hold!(
        taken.duration_ms == duration_ms,
        "told of {} ms, not {duration_ms}",
        taken.duration_ms
    );
    let reason = if file.limited {
        EndReason::Limit
    } else {
        EndReason::Stopped
    };
    hold!(
        taken.reason == Some(reason),
        "ended: {:?}, not {reason:?}",
        taken.reason
    );
    pauses(&file, taken, whole)?;
    let told = losses(&channels, rate, frames, taken, whole)?;
    for part in &file.parts {
        for n in 0..part.frames {
            let frame = part.frame + n;
            let bytes = &taken.bytes[frame as usize * size..][..size];
            frame_holds(model, &file, part, n, &channels, wish.format, &told, bytes)
                .map_err(|words| format!("frame {frame} of {frames}: {words}"))?;
        }
    }
    silent_in_pauses(&file.pauses, wish, taken, size)?;
    paused_names(model, tape, wish, taken, &channels)
}

fn pauses(file: &ExpectedFile, taken: &RecordingResult, whole: bool) -> Result<(), String> {
    let same = |a: &MsSpan, b: &MsSpan| (a.from, a.to) == (b.from, b.to) && is_near(a.ms, b.ms, whole);
    let all = file.pauses.len() == taken.pauses.len();
    let all = all && file.pauses.iter().zip(&taken.pauses).all(|(a, b)| same(a, b));
    hold!(all, "pauses {:?}, not {:?}", taken.pauses, file.pauses);
    let paused_ms = (file.paused_ns + NS_PER_MS / 2) / NS_PER_MS;
    hold!(
        taken.paused_ms == paused_ms,
        "paused {} ms, not {paused_ms}",
        taken.paused_ms
    );
    Ok(())
}

/// No packet of a plan is longer.
const PACKET_MS: f64 = 60.0;

/// How often which frames of which leg were told to be lost; the sum must be theirs.
pub fn losses(
    channels: &[Vec<usize>],
    rate: u32,
    frames: u64,
    taken: &RecordingResult,
    whole: bool,
) -> Result<[Vec<u32>; 3], String> {
    let mut told = [0, 1, 2].map(|_| vec![0; frames as usize]);
    let mut sum_ms = 0.0;
    for (leg, span) in &taken.losses {
        hold!(
            channels.iter().flatten().any(|heard| heard == leg),
            "loss on leg {leg}, not heard"
        );
        hold!(
            span.from <= span.to && span.to <= frames,
            "loss span {span:?} of {frames} frames"
        );
        // What a packet has before the resume across which it lies is in no frame, and neither is
        // what was handed in before a pause and has its place in it.
        if span.from == span.to {
            let is_cut = |pause: &MsSpan| pause.from == span.to || pause.to == span.to && span.ms < PACKET_MS;
            hold!(
                taken.pauses.iter().any(is_cut),
                "loss span {span:?} without a frame"
            );
            sum_ms += span.ms;
            continue;
        }
        let ms = (span.to - span.from) as f64 * 1000.0 / f64::from(rate);
        // A span may be several, each rounded to a nanosecond.
        hold!(
            (ms - span.ms).abs() < if whole { 0.51 } else { 0.001 },
            "loss span {span:?} is {ms} ms long"
        );
        sum_ms += ms;
        for frame in &mut told[*leg][span.from as usize..span.to as usize] {
            *frame += 1;
        }
    }
    hold!(
        (sum_ms - taken.lost_ms as f64).abs() < 0.51,
        "lost {} ms, not {sum_ms}",
        taken.lost_ms
    );
    Ok(told)
}

#[allow(clippy::too_many_arguments)]
fn frame_holds(
    model: &CallModel,
    file: &ExpectedFile,
    part: &FilePart,
    n: u64,
    channels: &[Vec<usize>],
    format: Format,
    told: &[Vec<u32>; 3],
    bytes: &[u8],
) -> Result<(), String> {
    let size = format.samples().bytes();
    for (channel, heard) in channels.iter().enumerate() {
        let sample = &bytes[channel * size..][..size];
        let mut may: [Vec<WrittenSample>; 2] = [vec![WrittenSample::Silence], vec![WrittenSample::Silence]];
        for (may, &leg) in may.iter_mut().zip(heard) {
            let told = told[leg][(part.frame + n) as usize];
            let at = part.from + n;
            let place = model.legs[leg].places.get(at as usize);
            let outcomes = place.map_or_else(
                || vec![PlaceOutcome::NOTHING],
                |place| outcomes(place, at, file, part),
            );
            *may = outcomes
                .iter()
                .filter(|outcome| outcome.told == told)
                .map(|outcome| outcome.sample)
                .collect();
            hold!(
                !may.is_empty(),
                "leg {leg}: told to be lost {told} times at {at}: {outcomes:?}, {place:?}"
            );
        }
        let (first, second) = (&may[0], &may[1]);
        let met = first
            .iter()
            .any(|one| second.iter().any(|two| is_mix(format, [*one, *two], sample)));
        hold!(met, "channel {channel} is {sample:?}, not {may:?}");
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
    wish: PlannedRecording,
    taken: &RecordingResult,
    size: usize,
) -> Result<(), String> {
    for pause in pauses {
        let bytes = &taken.bytes[pause.from as usize * size..pause.to as usize * size];
        let silent = bytes.iter().all(|byte| *byte == wish.format.samples().silence());
        hold!(silent, "not silent in {pause:?}");
    }
    Ok(())
}
