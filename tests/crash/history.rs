//! Child processes, and the history of their recordings, from their reports.

use crate::child;
use crate::plan::{LEGS, PACKET};
use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Spawns a child process that runs one of the child tests in a storage directory.
pub fn spawn_child(test: &str, directory: &Path, variables: &[(&str, &str)]) -> ChildProcess {
    let mut command = child_test(&format!("child::{test}"));
    command
        .env(child::DIRECTORY, directory)
        .envs(variables.iter().copied());
    ChildProcess::spawn(&mut command)
}

/// A packet that was written to both legs.
#[derive(Clone, Copy, Debug)]
pub struct WrittenPacket {
    /// Per leg: whether the write returned REC_OK.
    pub accepted: [bool; LEGS.len()],
    /// Time since the previous packet, in milliseconds.
    pub gap_ms: u64,
    /// The sum of the delays until then for which the child has not made up, in milliseconds.
    pub slipped_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub struct ReportedRecording {
    pub call: usize,
    /// Ranges of packets that were recorded, as far as the child reported.
    pub ranges: Vec<(u64, u64)>,
    /// Whether written packets are recorded.
    pub open: bool,
    /// A stop, or the end of the call, has begun.
    pub stop_begun: bool,
    /// That stop has returned.
    pub stopped: bool,
}

#[derive(Clone, Debug)]
pub struct ReportedEvent {
    pub kind: i32,
    pub flags: u32,
    pub reason: i32,
}

impl ReportedEvent {
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
    }
}

/// The history from the reports of a child, by call and by recording.
#[derive(Clone, Debug, Default)]
pub struct ChildHistory {
    pub calls: HashMap<usize, Vec<WrittenPacket>>,
    pub recordings: BTreeMap<String, ReportedRecording>,
    pub events: BTreeMap<String, Vec<ReportedEvent>>,
    /// Frames of each file in progress that were on the disk after the kill.
    pub durable_frames: BTreeMap<String, usize>,
}

impl ChildHistory {
    pub fn of(reports: &[String]) -> ChildHistory {
        let mut history = ChildHistory::default();
        for report in reports {
            history.add(report);
        }
        history
    }

    fn add(&mut self, report: &str) {
        let words: Vec<&str> = report.split(' ').collect();
        match words[..] {
            ["ready"] => {}
            ["S", id, call] => {
                let call = call.parse().unwrap();
                let at = self.packets(call).len() as u64;
                let recording = self.recordings.entry(id.to_owned()).or_default();
                recording.call = call;
                recording.ranges.push((at, at));
                recording.open = true;
            }
            ["P", id] => self.recording(id).open = false,
            ["R", id] => {
                let call = self.recording(id).call;
                let at = self.packets(call).len() as u64;
                let recording = self.recording(id);
                recording.ranges.push((at, at));
                recording.open = true;
            }
            ["z", id] => self.recording(id).stop_begun = true,
            ["Z", id] => {
                let recording = self.recording(id);
                (recording.open, recording.stopped) = (false, true);
            }
            ["F", call, number, local, remote, gap, slipped] => {
                let packet = WrittenPacket {
                    accepted: [local == "1", remote == "1"],
                    gap_ms: gap.parse().unwrap(),
                    slipped_ms: slipped.parse().unwrap(),
                };
                self.packet_written(call.parse().unwrap(), number, packet);
            }
            ["E", kind, flags, id, reason, tag] => {
                let event = ReportedEvent {
                    kind: kind.parse().unwrap(),
                    flags: flags.parse().unwrap(),
                    reason: reason.parse().unwrap(),
                };
                if event.kind == REC_EVENT_STARTED {
                    // The event may have been reported before the start.
                    let call = tag.parse().unwrap();
                    self.recordings
                        .entry(id.to_owned())
                        .or_insert_with(|| ReportedRecording {
                            call,
                            ..ReportedRecording::default()
                        });
                }
                self.events.entry(id.to_owned()).or_default().push(event);
            }
            _ => panic!("an unknown report: {report:?}"),
        }
    }

    fn packets(&mut self, call: usize) -> &mut Vec<WrittenPacket> {
        self.calls.entry(call).or_default()
    }

    fn recording(&mut self, id: &str) -> &mut ReportedRecording {
        self.recordings.get_mut(id).expect("a started recording")
    }

    fn packet_written(&mut self, call: usize, number: &str, packet: WrittenPacket) {
        let packets = self.packets(call);
        assert_eq!(
            number,
            packets.len().to_string(),
            "the packets of a call in order"
        );
        packets.push(packet);
        let end = packets.len() as u64;
        for recording in self.recordings.values_mut() {
            if recording.call == call && recording.open {
                recording.ranges.last_mut().unwrap().1 = end;
            }
        }
    }

    pub fn has_event(&self, id: &str, matches: impl Fn(&ReportedEvent) -> bool) -> bool {
        self.events
            .get(id)
            .is_some_and(|events| events.iter().any(matches))
    }

    pub fn was_started(&self, id: &str) -> bool {
        self.has_event(id, |event| event.kind == REC_EVENT_STARTED)
    }

    pub fn was_ended(&self, id: &str) -> bool {
        self.has_event(id, ReportedEvent::is_terminal)
    }

    /// Adds the events that a later process reported of the same recordings.
    pub fn extend(&mut self, later: ChildHistory) {
        for (id, events) in later.events {
            self.events.entry(id).or_default().extend(events);
        }
    }

    /// How long the machine has delayed the child's writing thread of a call in the last 1.5 s,
    /// in milliseconds.
    pub fn delayed_ms(&self, call: usize) -> u64 {
        let packets = self.calls.get(&call).map_or(&[][..], Vec::as_slice);
        let recent = packets.iter().rev().take(75);
        recent.map(|packet| packet.gap_ms.saturating_sub(40)).sum()
    }

    pub fn seconds(&self) -> f64 {
        let longest = self.calls.values().map(Vec::len).max().unwrap_or(0);
        longest as f64 * PACKET as f64 / 8000.0
    }
}
