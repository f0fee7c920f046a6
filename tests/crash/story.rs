//! A child process, and what it told through its pipe before it was killed.

use crate::child;
use crate::plan::{FRAME, LEGS};
use callrec::capi::*;
use callrec_testkit::wait::PATIENCE;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A process of this very binary that runs one of the child tests.
pub struct Victim {
    process: Child,
    lines: Receiver<String>,
    read: Vec<String>,
}

impl Victim {
    pub fn new(test: &str, directory: &Path, variables: &[(&str, &str)]) -> Victim {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &format!("child::{test}"),
                "--nocapture",
                "--ignored",
                "--test-threads=1",
            ])
            .env(child::DIRECTORY, directory)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            loop {
                let mut line = String::new();
                // A line that the kill has cut was never told.
                match out.read_line(&mut line) {
                    Ok(length) if length > 0 && line.ends_with('\n') => {
                        if let Some(told) = line.trim_end().strip_prefix('@')
                            && sender.send(told.to_owned()).is_err()
                        {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        });
        Victim {
            process,
            lines,
            read: Vec::new(),
        }
    }

    /// Reads on until a line fits that has not been read before.
    pub fn wait(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("the child fell silent");
            self.read.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// Lets it live so long, reading what it says.
    pub fn live_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok(line) = self
            .lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.read.push(line);
        }
    }

    /// SIGKILL, unless it has died by it already; gives all that it had told.
    pub fn kill(mut self) -> Story {
        use std::os::unix::process::ExitStatusExt;
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the child ended by itself: {status}");
        while let Ok(line) = self.lines.recv() {
            self.read.push(line);
        }
        Story::of(&self.read)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A frame that was handed in on both legs.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Whether it was answered REC_OK.
    pub taken: [bool; LEGS.len()],
    /// How long after the one before it, in milliseconds.
    pub gap_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub call: usize,
    /// From which frame up to which it was being recorded, as far as was told.
    pub stretches: Vec<(u64, u64)>,
    /// Frames that are handed in are recorded.
    pub open: bool,
    /// A stop, or the end of its call, was asked for; and answered.
    pub stop_asked: bool,
    pub stopped: bool,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub kind: i32,
    pub flags: u32,
    pub reason: i32,
}

impl Event {
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
    }
}

/// What was told, put together.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub calls: HashMap<usize, Vec<Frame>>,
    pub recordings: BTreeMap<String, Recording>,
    pub events: BTreeMap<String, Vec<Event>>,
    /// Frames of each file in progress that were on the disk after the kill.
    pub held: BTreeMap<String, usize>,
}

impl Story {
    fn of(lines: &[String]) -> Story {
        let mut story = Story::default();
        for line in lines {
            story.line(line);
        }
        story
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ready"] => {}
            ["S", id, call] => {
                let call = call.parse().unwrap();
                let at = self.frames(call).len() as u64;
                let recording = self.recordings.entry(id.to_owned()).or_default();
                recording.call = call;
                recording.stretches.push((at, at));
                recording.open = true;
            }
            ["P", id] => self.recording(id).open = false,
            ["R", id] => {
                let call = self.recording(id).call;
                let at = self.frames(call).len() as u64;
                let recording = self.recording(id);
                recording.stretches.push((at, at));
                recording.open = true;
            }
            ["z", id] => self.recording(id).stop_asked = true,
            ["Z", id] => {
                let recording = self.recording(id);
                (recording.open, recording.stopped) = (false, true);
            }
            ["F", call, number, local, remote, gap] => {
                let call = call.parse().unwrap();
                self.fed(call, number, [local == "1", remote == "1"], gap.parse().unwrap());
            }
            ["E", kind, flags, id, reason, tag] => {
                let event = Event {
                    kind: kind.parse().unwrap(),
                    flags: flags.parse().unwrap(),
                    reason: reason.parse().unwrap(),
                };
                if event.kind == REC_EVENT_STARTED {
                    // Told before the answer to the start was, if the kill came between.
                    let call = tag.parse().unwrap();
                    self.recordings.entry(id.to_owned()).or_insert_with(|| Recording {
                        call,
                        ..Recording::default()
                    });
                }
                self.events.entry(id.to_owned()).or_default().push(event);
            }
            _ => panic!("the child said {line:?}"),
        }
    }

    fn frames(&mut self, call: usize) -> &mut Vec<Frame> {
        self.calls.entry(call).or_default()
    }

    fn recording(&mut self, id: &str) -> &mut Recording {
        self.recordings.get_mut(id).expect("started before")
    }

    fn fed(&mut self, call: usize, number: &str, taken: [bool; 2], gap_ms: u64) {
        let frames = self.frames(call);
        assert_eq!(number, frames.len().to_string(), "the frames of a call in order");
        frames.push(Frame { taken, gap_ms });
        let end = frames.len() as u64;
        for recording in self.recordings.values_mut() {
            if recording.call == call && recording.open {
                recording.stretches.last_mut().unwrap().1 = end;
            }
        }
    }

    pub fn told(&self, id: &str, fits: impl Fn(&Event) -> bool) -> bool {
        self.events.get(id).is_some_and(|events| events.iter().any(fits))
    }

    pub fn was_started(&self, id: &str) -> bool {
        self.told(id, |event| event.kind == REC_EVENT_STARTED)
    }

    pub fn was_ended(&self, id: &str) -> bool {
        self.told(id, Event::is_terminal)
    }

    /// What a later process told of the same recordings.
    pub fn go_on(&mut self, later: Story) {
        for (id, events) in later.events {
            self.events.entry(id).or_default().extend(events);
        }
    }

    /// For how long the machine kept the child's feeding thread of a call from its
    /// work in the last second and a half, in milliseconds.
    pub fn held_up_ms(&self, call: usize) -> u64 {
        let frames = self.calls.get(&call).map_or(&[][..], Vec::as_slice);
        let recent = frames.iter().rev().take(75);
        recent.map(|frame| frame.gap_ms.saturating_sub(40)).sum()
    }

    pub fn seconds(&self) -> f64 {
        let longest = self.calls.values().map(Vec::len).max().unwrap_or(0);
        longest as f64 * FRAME as f64 / 8000.0
    }
}
