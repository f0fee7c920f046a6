//! Which packets a file of a lossy format holds: each packet is a tone that its number chooses, and
//! what must not be recorded is another one.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::path::Path;

use crate::expected::Expected;
use crate::plan::{CallKind, PACKET, PACKET_MS, RATE};
use crate::support::players;

/// The tones of a leg. The last one is that of packets that no recording may have.
const TONES: usize = 8;
pub const SECRET: usize = TONES - 1;
/// So many packets in a row have the same tone.
const HELD: u64 = 5;
const AMPLITUDE: f64 = 6000.0;
/// Samples of a window in which a tone is heard, and from one window to the next.
const WINDOW: usize = 160;
const STEP: usize = WINDOW / 2;
/// An encoder may lose a tone of so few packets.
const SHORT: usize = 2;

pub fn tone_of(number: u64) -> usize {
    (number / HELD) as usize * 3 % SECRET
}

fn frequency(leg: usize, tone: usize) -> f64 {
    // An encoder that smears a tone must not be taken for a secret.
    let gap = usize::from(tone == SECRET);
    200.0 + 190.0 * ((TONES + 1) * leg + tone + gap) as f64
}

/// A packet's samples.
pub fn samples(leg: usize, tone: usize, number: u64) -> impl Iterator<Item = i16> {
    let step = TAU * frequency(leg, tone) / RATE as f64;
    let indices = number * PACKET..(number + 1) * PACKET;
    indices.map(move |index| (AMPLITUDE * (step * index as f64).sin()) as i16)
}

/// Compares a published file with the packets that must be in it, by `expected` of a leg. Returns how
/// much is missing at its end, in milliseconds. `None`: no program can play it.
pub fn lost_ms(
    path: &Path,
    kind: &CallKind,
    expected: impl Fn(usize) -> Vec<Expected>,
) -> Result<Option<u64>, String> {
    let Some(played) = players::ffmpeg_samples_at(path.to_str().unwrap(), RATE) else {
        return Ok(None);
    };
    let channels = usize::from(kind.channels());
    let mut worst = 0;
    for leg in (0..2).filter(|leg| kind.has_leg(*leg)) {
        let channel: Vec<i16> = played
            .iter()
            .skip(leg % channels)
            .step_by(channels)
            .copied()
            .collect();
        let lost = compare(&heard(&channel, leg), &expected_runs(&expected(leg)));
        worst = worst.max(lost.map_err(|why| format!("leg {leg}: {why}"))?);
    }
    Ok(Some(worst))
}

/// The power of a frequency in a window, as that of a tone with this amplitude.
fn amplitude(window: &[i16], frequency: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in window.iter().enumerate() {
        let fade = 1.0 - (TAU * n as f64 / window.len() as f64).cos();
        let phase = TAU * frequency * n as f64 / RATE as f64;
        real += f64::from(*sample) * fade * phase.cos();
        imaginary += f64::from(*sample) * fade * phase.sin();
    }
    2.0 * real.hypot(imaginary) / window.len() as f64
}

/// The tone of a leg that is clearly louder than its others.
fn tone_in(window: &[i16], leg: usize) -> Option<usize> {
    let mut tones: Vec<(f64, usize)> = (0..TONES)
        .map(|tone| (amplitude(window, frequency(leg, tone)), tone))
        .collect();
    tones.sort_by(|a, b| b.0.total_cmp(&a.0));
    let [(loud, tone), (second, _), ..] = tones[..] else {
        return None;
    };
    let least = if tone == SECRET {
        AMPLITUDE / 3.0
    } else {
        AMPLITUDE / 6.0
    };
    (loud > least && loud > 2.0 * second).then_some(tone)
}

/// The tones of a leg in their order, each with the sample at which it is first heard.
fn heard(channel: &[i16], leg: usize) -> Vec<(usize, usize)> {
    let starts = (0..channel.len().saturating_sub(WINDOW)).step_by(STEP);
    let tones: Vec<Option<usize>> = starts.map(|at| tone_in(&channel[at..at + WINDOW], leg)).collect();
    let mut heard: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for run in tones.chunk_by(|one, next| one == next) {
        if let Some(tone) = run[0]
            && run.len() >= if tone == SECRET { 2 } else { 3 }
            && heard.last().is_none_or(|(last, _)| *last != tone)
        {
            heard.push((tone, at * STEP));
        }
        at += run.len();
    }
    heard
}

/// Packets in a row that have the same tone.
struct ToneRun {
    tone: usize,
    /// Those that must be in the file.
    due: usize,
}

fn expected_runs(expected: &[Expected]) -> Vec<ToneRun> {
    let mut runs: Vec<ToneRun> = Vec::new();
    for packet in expected.iter().step_by(PACKET as usize) {
        let (tone, due) = (packet.value as usize, usize::from(packet.is_due()));
        match runs.last_mut().filter(|run| run.tone == tone) {
            Some(run) => run.due += due,
            None => runs.push(ToneRun { tone, due }),
        }
    }
    runs
}

/// The ends of the runs with this tone that may follow, from any of these on: a short one in between
/// may have been lost.
fn ends_of(tone: usize, from: &BTreeSet<usize>, expected: &[ToneRun]) -> BTreeSet<usize> {
    let mut ends = BTreeSet::new();
    for from in from {
        for (at, run) in expected.iter().enumerate().skip(*from) {
            if run.tone == tone {
                ends.insert(at + 1);
            }
            if run.due > SHORT {
                break;
            }
        }
    }
    ends
}

/// Each tone must be an expected one, in order. Returns how much is missing behind the last one.
fn compare(heard: &[(usize, usize)], expected: &[ToneRun]) -> Result<u64, String> {
    let mut reached = BTreeSet::from([0]);
    for (tone, at) in heard {
        let mut next = ends_of(*tone, &reached, expected);
        // Two runs are heard as one, if what is between them is not heard.
        loop {
            let more = ends_of(*tone, &next, expected);
            if more.is_subset(&next) {
                break;
            }
            next.extend(more);
        }
        if next.is_empty() {
            let what = if *tone == SECRET {
                "what was said outside"
            } else {
                "a tone"
            };
            return Err(format!("{what} ({tone}) is heard at sample {at}: {heard:?}"));
        }
        reached = next;
    }
    let lost = |from: &usize| {
        let missing = expected[*from..].iter().filter(|run| run.due > SHORT);
        missing.map(|run| run.due as u64).sum::<u64>() * PACKET_MS
    };
    Ok(reached.iter().map(lost).min().unwrap_or(0))
}

#[test]
fn the_tones_show_which_packets_a_file_has() {
    let runs = |numbers: &[u64]| {
        let packet = |number: &u64| Expected::due(tone_of(*number) as i32);
        let all: Vec<Expected> = numbers
            .iter()
            .flat_map(|number| vec![packet(number); PACKET as usize])
            .collect();
        expected_runs(&all)
    };
    let all: Vec<u64> = (3..60).chain(80..140).collect();
    for leg in [0, 1] {
        let other = |number: u64| samples(1 - leg, tone_of(number), number);
        let file = |numbers: &[u64]| -> Vec<i16> {
            let mixed = numbers.iter().flat_map(|number| {
                let own = samples(leg, tone_of(*number), *number);
                own.zip(other(*number)).map(|(a, b)| a + b)
            });
            mixed.collect()
        };
        let check = |samples: &[i16]| compare(&heard(samples, leg), &runs(&all));
        assert_eq!(check(&file(&all)), Ok(0));
        let paused = [&file(&all[..57])[..], &[0; 2000], &file(&all[57..])].concat();
        assert_eq!(check(&paused), Ok(0));
        let short = check(&file(&all[..100])).expect("the right order");
        assert!((200..=400).contains(&short), "{short} ms");
        let secret: Vec<i16> = (60..62).flat_map(|number| samples(leg, SECRET, number)).collect();
        let leaking = [&file(&all[..57])[..], &secret, &file(&all[57..])].concat();
        assert!(check(&leaking).is_err());
        assert!(check(&file(&all[20..])).is_err(), "its beginning is missing");
        let holed = [&all[..40], &all[50..]].concat();
        assert!(check(&file(&holed)).is_err(), "a hole");
        assert!(
            check(&file(&(3..140).collect::<Vec<u64>>())).is_err(),
            "of the pause"
        );
    }
}
