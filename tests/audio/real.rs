//! Real time: paced by absolute deadlines, compared with what was handed in and when.
//!
//! The machine is shared: a frame may be handed in late. What is asked for follows from
//! the moments that were noted, not from those that were planned.

use std::time::{Duration, Instant};

use callrec::capi::*;

use crate::kit::*;
use crate::support::{Call, Start};

/// The coarse clock's step, and a frame.
const SLACK_MS: f64 = 12.0;
const FRAME_MS: f64 = 20.0;

pub struct Clock {
    begin: Instant,
}

impl Clock {
    pub fn new() -> Clock {
        Clock {
            begin: Instant::now(),
        }
    }

    /// Paces: returns at the given moment.
    pub fn until(&self, ms: u64) {
        let due = self.begin + Duration::from_millis(ms);
        if let Some(rest) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(rest);
        }
    }

    pub fn ms(&self) -> f64 {
        self.begin.elapsed().as_secs_f64() * 1000.0
    }
}

/// When something was done: not before the one, not after the other.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub from: f64,
    pub to: f64,
}

pub fn noted(clock: &Clock, act: impl FnOnce()) -> When {
    let from = clock.ms();
    act();
    When { from, to: clock.ms() }
}

fn real(more: &[(&str, &str)]) -> Rig {
    Rig::new(&[&[("media.clock", "real")], more].concat())
}

/// Where each frame stands in a channel, in order: a frame that is cut by a start or a
/// resume is found by its second half.
fn find(heard: &[Vec<u8>], frame: &[Vec<u8>], from: usize) -> Option<usize> {
    (from..heard.len().saturating_sub(frame.len() - 1)).find(|at| heard[*at..*at + frame.len()] == *frame)
}

fn samples(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    bytes.chunks(size).map(<[u8]>::to_vec).collect()
}

fn channel(done: &Done, channel: usize) -> Vec<Vec<u8>> {
    let size = usize::from(done.wav.bits) / 8;
    let frames = done.wav.data.chunks(size * usize::from(done.wav.channels));
    frames
        .map(|frame| frame[channel * size..(channel + 1) * size].to_vec())
        .collect()
}

struct Talk {
    rate: u32,
    size: usize,
    said: [Vec<u8>; 2],
    when: Vec<When>,
}

impl Talk {
    fn frame(&self, leg: usize, n: usize) -> Vec<Vec<u8>> {
        let bytes = self.rate as usize / 50 * self.size;
        samples(&self.said[leg][n * bytes..(n + 1) * bytes], self.size)
    }

    /// The frames from `from` to `to` stand in the channel one after the other, from
    /// where on the first one is found; gives that place and the end.
    fn in_order(
        &self,
        heard: &[Vec<u8>],
        leg: usize,
        from: usize,
        to: usize,
        begin: usize,
    ) -> (usize, usize) {
        let samples = self.rate as usize / 50;
        // The first may be cut where the recording begins, the more the later it came.
        let whole = self.frame(leg, from);
        let first = find(heard, &whole, begin).map(|at| (at, from)).or_else(|| {
            let next = self.frame(leg, from + 1);
            find(heard, &next, begin).map(|at| (at, from + 1))
        });
        let (first, n) = first.unwrap_or_else(|| panic!("leg {leg}: frame {from} is not there"));
        let mut at = first;
        for n in n..to {
            let place = find(heard, &self.frame(leg, n), at);
            let place = place.unwrap_or_else(|| panic!("leg {leg}: frame {n} is not behind {at}"));
            if place > at {
                // A hole is only what time has passed that the writes did not cover.
                let late = self.when[n].to - self.when[n - 1].from;
                assert!(
                    late > 60.0,
                    "leg {leg}: {} samples before frame {n}, {late} ms later",
                    place - at
                );
            }
            at = place + samples;
        }
        (first, at)
    }
}

fn near(name: &str, found: f64, when: (f64, f64)) {
    let (from, to) = (when.0 - FRAME_MS - SLACK_MS, when.1 + FRAME_MS + SLACK_MS);
    assert!(
        found >= from && found <= to,
        "{name}: {found} ms, not {from} to {to}"
    );
}

/// Both legs in PCM16 and G.711; all layouts that keep the legs apart, all formats
/// that keep the samples as they are, both kinds of pause; a start in the middle of
/// speech, a pause, a resume, a stop.
fn paced(codec: i32, rate: u32, formats: &[&str]) {
    let rig = real(&[]);
    let (local, remote) = rig.legs(codec, rate);
    let size = sample_bytes(codec);
    let bytes = rate as usize / 50 * size;
    let mut talk = Talk {
        rate,
        size,
        said: [noise(1, 110 * bytes), noise(2, 110 * bytes)],
        when: Vec::new(),
    };
    let clock = Clock::new();
    let mut ids = Vec::new();
    let mut moments = Vec::new();
    for n in 0..110 {
        clock.until(n as u64 * 20);
        match n {
            10 => moments.push(noted(&clock, || {
                for format in formats {
                    for layout in [REC_LAYOUT_STEREO, REC_LAYOUT_LOCAL, REC_LAYOUT_REMOTE] {
                        ids.extend(PAUSES.map(|pause| (pause, rig.start(layout, format, pause))));
                    }
                }
            })),
            50 => moments.push(noted(&clock, || rig.pause())),
            70 => moments.push(noted(&clock, || rig.resume())),
            100 => moments.push(noted(&clock, || ids.iter().for_each(|(_, id)| rig.stop(id)))),
            _ => {}
        }
        let frame = |leg: usize| talk.said[leg][n * bytes..(n + 1) * bytes].to_vec();
        let (a, b) = (frame(0), frame(1));
        let when = noted(&clock, || {
            assert_eq!(write(local, &a), REC_OK);
            assert_eq!(write(remote, &b), REC_OK);
        });
        talk.when.push(when);
    }
    let [start, pause, resume, stop] = moments[..] else {
        unreachable!()
    };
    for (mode, id) in &ids {
        let done = rig.done(id);
        let name = format!("{} layout {} pause {mode}", done.format(), done.seen.layout);
        let ms = |frames: usize| frames as f64 * 1000.0 / f64::from(rate);
        let paused = (resume.from - pause.to, resume.to - pause.from);
        let skips = *mode == REC_PAUSE_SKIP;
        let whole = (stop.from - start.to, stop.to - start.from);
        let length = if skips {
            (whole.0 - paused.1, whole.1 - paused.0)
        } else {
            whole
        };
        near(&format!("{name}: length"), ms(done.wav.frames()), length);
        let told = |field: &str| done.manifest[field].as_f64().unwrap();
        near(&format!("{name}: paused"), told("paused_ms"), paused);
        assert_eq!(told("lost_ms"), 0.0, "{name}");
        assert_eq!(told("samples") as usize, done.wav.frames());
        let spans = done.manifest["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 1, "{name}: {spans:?}");
        let at = |field: &str| spans[0][field].as_u64().unwrap() as usize;
        let (from, to) = (at("from_frame"), at("to_frame"));
        near(
            &format!("{name}: pause"),
            ms(from),
            (pause.from - start.to, pause.to - start.from),
        );
        assert_eq!(spans[0]["length_ms"].as_f64(), Some(told("paused_ms")));
        if skips {
            assert_eq!(from, to);
        } else {
            assert!((ms(to - from) - told("paused_ms")).abs() <= 1.0, "{name}");
        }
        let legs: &[usize] = match done.seen.layout {
            REC_LAYOUT_STEREO => &[0, 1],
            REC_LAYOUT_LOCAL => &[0],
            _ => &[1],
        };
        for (n, leg) in legs.iter().enumerate() {
            let heard = channel(&done, n);
            let silence = match done.format() {
                "wav" => vec![0, 0],
                "wav-ulaw" => vec![0xff],
                _ => vec![0xd5],
            };
            let (first, end) = talk.in_order(&heard, *leg, 10, 50, 0);
            assert!(end <= from, "{name}: before the pause");
            assert!(heard[..first].len() <= rate as usize / 50 + (rate as usize * 80 / 1000));
            assert!(
                heard[end..to].iter().all(|sample| *sample == silence),
                "{name}: silent"
            );
            let (_, end) = talk.in_order(&heard, *leg, 70, 100, to);
            assert!(
                heard[end..].iter().all(|sample| *sample == silence),
                "{name}: after the last frame"
            );
        }
    }
    for (from, to) in [(0, 9), (51, 69), (101, 110)] {
        let part = |leg: usize| cells(codec, &talk.said[leg][from * bytes..to * bytes]);
        assert_nowhere(&rig, &part(0), &part(1));
    }
    assert_eq!(rig.engine.stats().frames_lost, 0);
    rig.close();
}

#[test]
fn pcm16_8000() {
    paced(REC_CODEC_PCM16, 8000, &["wav"]);
}

#[test]
fn pcm16_48000() {
    paced(REC_CODEC_PCM16, 48_000, &["wav"]);
}

#[test]
fn pcmu() {
    paced(REC_CODEC_PCMU, 8000, &["wav-ulaw"]);
}

#[test]
fn pcma() {
    paced(REC_CODEC_PCMA, 8000, &["wav-alaw"]);
}

/// More than 60 ms that the writes do not cover are silence: hold, a feed that stops,
/// a leg that begins later. None of it is loss.
#[test]
fn silence_is_as_long_as_it_was() {
    let rig = real(&[]);
    let local = rig.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let said = noise(3, 100 * 160);
    let late = noise(4, 100 * 160);
    let clock = Clock::new();
    let start = noted(&clock, || {
        drop(rig.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE))
    });
    let id = rig.engine.list(None, &crate::support::Wanted::default()).unwrap()[0]
        .id
        .clone();
    let mut remote = None;
    let mut when = Vec::new();
    for n in 0..100usize {
        clock.until(n as u64 * 20);
        if n == 40 {
            Call {
                state: REC_CALL_HELD,
                ..Call::default()
            }
            .update(rig.call)
            .unwrap();
        }
        if n == 60 {
            Call {
                state: REC_CALL_CONNECTED,
                ..Call::default()
            }
            .update(rig.call)
            .unwrap();
            remote = Some(rig.feed(REC_LEG_REMOTE, REC_CODEC_PCMU, 8000));
        }
        when.push(noted(&clock, || {
            if !(40..60).contains(&n) {
                assert_eq!(write(local, &said[n * 160..n * 160 + 160]), REC_OK);
            }
            if let Some(remote) = remote {
                assert_eq!(write(remote, &late[n * 160..n * 160 + 160]), REC_OK);
            }
        }));
    }
    let stop = noted(&clock, || rig.stop(&id));
    let done = rig.done(&id);
    near(
        "length",
        done.wav.frames() as f64 / 8.0,
        (stop.from - start.to, stop.to - start.from),
    );
    assert_eq!(done.manifest["lost_ms"], 0);
    assert_eq!(done.manifest["spans"].as_array().unwrap().len(), 0);
    let (a, b) = (channel(&done, 0), channel(&done, 1));
    let place = |heard: &[Vec<u8>], said: &[u8], n: usize| {
        find(heard, &samples(&said[n * 160..n * 160 + 160], 1), 0).unwrap_or_else(|| panic!("frame {n}"))
    };
    // The first after the hold ends when it came, as one that continues would have.
    let found = place(&a, &said, 60) as f64 / 8.0;
    near(
        "after hold",
        found,
        (when[60].from - start.to - FRAME_MS, when[60].to - start.from),
    );
    let found = place(&b, &late, 60) as f64 / 8.0;
    near(
        "the later leg",
        found,
        (when[60].from - start.to, when[60].to - start.from),
    );
    for n in (0..40).chain(60..100) {
        place(&a, &said, n);
    }
    for n in 60..100 {
        place(&b, &late, n);
    }
    rig.close();
}

/// Half a second's limit: exactly so many frames.
#[test]
fn the_limit_is_exact() {
    let rig = real(&[("storage.flush_ms", "100")]);
    let local = rig.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = rig.start_with(&Start {
        max_duration_ms: 500,
        ..Start::default()
    });
    let clock = Clock::new();
    for n in 0..40 {
        clock.until(n * 20);
        assert_eq!(write(local, &noise(n, 160)), REC_OK);
    }
    let done = rig.done(&id);
    assert_eq!((done.wav.frames(), done.seen.end_reason), (4000, REC_END_LIMIT));
    done.assert_told(0, 0, &[]);
    rig.close();
}
