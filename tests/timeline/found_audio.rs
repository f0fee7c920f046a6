//! Finds marked audio in the file of a recording.

use callrec_testkit::random::splitmix64;
use std::collections::HashMap;

use crate::marked_audio::MarkedAudio;

/// This many consecutive samples identify their stream and position.
const WINDOW: usize = 8;

/// A piece of a stream without interruption in a channel of the file.
#[derive(Clone, Copy, Debug)]
pub struct FoundRun {
    /// The position in the file.
    pub at: usize,
    pub stream: usize,
    /// The position in the stream.
    pub from: usize,
    pub len: usize,
}

impl FoundRun {
    /// How much later in the file than in the stream, in samples.
    pub fn offset(&self) -> i64 {
        self.at as i64 - self.from as i64
    }
}

/// The stream and position of each window that begins at a multiple of its length.
pub struct AudioIndex<'a> {
    sent_audio: &'a MarkedAudio,
    windows: HashMap<u64, (usize, usize)>,
}

impl<'a> AudioIndex<'a> {
    pub fn new(sent_audio: &'a MarkedAudio) -> AudioIndex<'a> {
        let mut windows = HashMap::new();
        for (stream, samples) in sent_audio.streams.iter().enumerate() {
            for (n, window) in samples.values.chunks_exact(WINDOW).enumerate() {
                let from = n * WINDOW;
                if samples.sent[from..from + WINDOW].iter().all(|sent| *sent) {
                    windows.insert(key(window), (stream, from));
                }
            }
        }
        AudioIndex { sent_audio, windows }
    }

    pub fn find(&self, channel: &[i16]) -> FoundAudio {
        let mut found = FoundAudio::new(self.sent_audio);
        let (mut at, mut done) = (0, 0);
        while at < channel.len() {
            match self.run(channel, at, done) {
                Some(run) => {
                    found.unknown -= (at - run.at) as u64;
                    found.note(run);
                    done = run.at + run.len;
                    at = done;
                }
                None => {
                    found.unknown += u64::from(channel[at] != 0);
                    at += 1;
                }
            }
        }
        found
    }

    /// The run around `at` that does not begin before `least`.
    fn run(&self, channel: &[i16], at: usize, least: usize) -> Option<FoundRun> {
        let window = channel.get(at..at + WINDOW)?;
        if window[0] == 0 {
            return None;
        }
        let (stream, from) = *self.windows.get(&key(window))?;
        let samples = &self.sent_audio.streams[stream];
        let fits = |file: usize, own: usize| {
            channel.get(file).is_some_and(|value| {
                samples.sent.get(own).copied().unwrap_or_default() && samples.values[own] == *value
            })
        };
        let after = (0..).take_while(|n| fits(at + n, from + n)).count();
        if after < WINDOW {
            return None;
        }
        let before = (1..=from.min(at - least))
            .take_while(|n| fits(at - n, from - n))
            .count();
        Some(FoundRun {
            at: at - before,
            stream,
            from: from - before,
            len: before + after,
        })
    }
}

fn key(window: &[i16]) -> u64 {
    let mix = |hash, value: &i16| splitmix64(hash ^ u64::from(*value as u16));
    window.iter().fold(0, mix)
}

/// The runs of marked audio in one channel.
pub struct FoundAudio {
    pub runs: Vec<FoundRun>,
    /// Samples that were never sent.
    pub unknown: u64,
    seen: Vec<Vec<bool>>,
    twice: Vec<u64>,
}

impl FoundAudio {
    fn new(sent_audio: &MarkedAudio) -> FoundAudio {
        let unseen = |samples: &crate::marked_audio::SentSamples| vec![false; samples.values.len()];
        FoundAudio {
            runs: Vec::new(),
            unknown: 0,
            seen: sent_audio.streams.iter().map(unseen).collect(),
            twice: vec![0; sent_audio.streams.len()],
        }
    }

    fn note(&mut self, run: FoundRun) {
        for at in run.from..run.from + run.len {
            let seen = &mut self.seen[run.stream][at];
            self.twice[run.stream] += u64::from(*seen);
            *seen = true;
        }
        self.runs.push(run);
    }

    /// How many different samples of a stream the channel has.
    pub fn samples(&self, stream: usize) -> u64 {
        let count = |seen: &Vec<bool>| seen.iter().filter(|seen| **seen).count() as u64;
        self.seen.get(stream).map_or(0, count)
    }

    /// How many samples of a stream the channel repeats.
    pub fn twice(&self, stream: usize) -> u64 {
        self.twice.get(stream).copied().unwrap_or_default()
    }

    /// All samples of all streams, with repetitions.
    pub fn total(&self) -> u64 {
        self.runs.iter().map(|run| run.len as u64).sum()
    }

    /// How much later than in its stream the last run of a stream is, in samples. Runs of less
    /// than 40 samples do not count.
    pub fn last_offset(&self, stream: usize) -> Option<i64> {
        let long = |run: &&FoundRun| run.stream == stream && run.len >= 40;
        self.runs.iter().rev().find(long).map(FoundRun::offset)
    }

    pub fn is_ordered(&self) -> bool {
        self.runs.is_sorted_by_key(|run| run.from)
    }

    /// Describes the first runs, in milliseconds at 8 kHz.
    pub fn text(&self) -> String {
        let ms = |samples: usize| samples as f64 / 8.0;
        let text = self.runs.iter().take(8).map(|run| {
            let (at, from, len) = (ms(run.at), ms(run.from), ms(run.len));
            format!("at {at} ms stream {} from {from} ms for {len} ms", run.stream)
        });
        let shown = text.collect::<Vec<_>>().join("; ");
        format!("{} runs: {shown}", self.runs.len())
    }
}
