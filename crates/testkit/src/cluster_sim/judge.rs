//! Follows a simulation, and says what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use callrec_core::calls::{ControlCounts, RecordingView};
use callrec_core::types::{Result, Status};
use parking_lot::Mutex;
use redis::Value;
use uuid::Uuid;

use super::data_set::DataSet;
use super::host_network::LATENCY_MAX_MS;
use super::reply::RedisReply;
use super::sim_time::elapsed_ms;
use super::stream::EventStream;
use super::tenures::{STREAM, Tenures};

/// The groups of consumers.
pub const GROUPS: [&str; 2] = ["billing", "archive"];

#[derive(Default)]
struct ProcessFate {
    /// By which Redis knows it.
    id: String,
    died_ms: Option<u64>,
}

struct KnownRecording {
    process: usize,
    /// How many callers were told that they have ended it.
    ends_told: u32,
    is_live: bool,
}

/// A dead node, and the process that has found it.
#[derive(Clone, PartialEq, Eq)]
struct LostReport {
    node: String,
    finder: usize,
}

/// A request to the cluster.
#[derive(Default)]
struct KnownRequest {
    shown: String,
    told_ms: Option<u64>,
    /// The request ends recordings: by its id, one.
    ends: Option<Uuid>,
    changed: u32,
}

#[derive(Default)]
struct JudgeState {
    trace: Vec<String>,
    wrong: Vec<String>,
    processes: Vec<ProcessFate>,
    recordings: BTreeMap<Uuid, KnownRecording>,
    requests: Vec<KnownRequest>,
    acted: BTreeMap<(String, String), u32>,
    /// Ends whose job was done before a group had them.
    unread: BTreeSet<(String, String)>,
    /// Those of them that were lost with the data of the server.
    excused: BTreeSet<(String, String)>,
    /// Nodes that were found dead and are not reported in an event yet.
    unreported: Vec<LostReport>,
    /// Those of them whose finder has ended, or that the server may have lost or found again.
    unclear: Vec<LostReport>,
    /// All that were reported.
    reports: Vec<LostReport>,
    /// By how much the clock of Redis has jumped back, in milliseconds.
    clock_back_ms: u64,
    /// From when until when at the latest Redis stood still.
    standstills: Vec<(u64, u64)>,
}

/// What is known of a simulation.
pub struct Judge {
    lease_ms: u64,
    state: Mutex<JudgeState>,
}

impl JudgeState {
    fn note(&mut self, line: String) {
        self.trace.push(format!("{:>6} {line}", elapsed_ms()));
    }

    /// When the last renewal of a process that has died may have reached Redis: what a process sends
    /// while Redis stands still is read when Redis goes on.
    fn last_beat_ms(&self, died_ms: u64) -> u64 {
        let caught =
            |(from_ms, until_ms): &&(u64, u64)| *from_ms <= died_ms + LATENCY_MAX_MS && died_ms <= *until_ms;
        let read = self.standstills.iter().filter(caught);
        read.map(|(_, until_ms)| *until_ms).fold(died_ms, u64::max)
    }

    /// A beat of a process has found a node dead. What a dead process has sent may still arrive.
    fn find_lost(&mut self, node: String, id: &str) {
        let finder = self.processes.iter().position(|process| process.id == id);
        let finder = finder.expect("a known process");
        let report = LostReport { node, finder };
        match self.processes[finder].died_ms {
            None => self.unreported.push(report),
            Some(_) => self.unclear.push(report),
        }
    }

    fn fault(&mut self, words: String) {
        self.note(format!("WRONG: {words}"));
        self.wrong.push(words);
    }
}

impl Judge {
    pub fn new(lease_ms: u64) -> Judge {
        Judge {
            lease_ms,
            state: Mutex::default(),
        }
    }

    pub fn note(&self, line: String) {
        self.state.lock().note(line);
    }

    pub fn fault(&self, words: String) {
        self.state.lock().fault(words);
    }

    /// The failures, and the trace.
    pub fn take(&self) -> (Vec<String>, Vec<String>) {
        let mut state = self.state.lock();
        (std::mem::take(&mut state.wrong), std::mem::take(&mut state.trace))
    }

    pub fn begin_process(&self, node: &str) -> usize {
        let mut state = self.state.lock();
        state.processes.push(ProcessFate::default());
        let number = state.processes.len() - 1;
        state.note(format!("process {number} of {node} begins"));
        number
    }

    /// The id by which Redis knows a process.
    pub fn identify(&self, number: usize, id: &str) {
        self.state.lock().processes[number].id = id.to_owned();
    }

    pub fn end_process(&self, number: usize) {
        let mut state = self.state.lock();
        state.processes[number].died_ms = Some(elapsed_ms());
        let unreported = std::mem::take(&mut state.unreported);
        let is_own = |report: &LostReport| report.finder == number;
        let (unclear, kept): (Vec<_>, Vec<_>) = unreported.into_iter().partition(is_own);
        state.unreported = kept;
        state.unclear.extend(unclear);
        state.note(format!("process {number} has ended"));
        for recording in state.recordings.values_mut() {
            recording.is_live &= recording.process != number;
        }
    }

    pub fn begin_recording(&self, process: usize, id: Uuid) {
        let mut state = self.state.lock();
        state.note(format!("process {process} starts {id}"));
        let recording = KnownRecording {
            process,
            ends_told: 0,
            is_live: true,
        };
        state.recordings.insert(id, recording);
    }

    pub fn end_recording(&self, id: Uuid) {
        let mut state = self.state.lock();
        if let Some(recording) = state.recordings.get_mut(&id) {
            recording.is_live = false;
        }
    }

    pub fn is_live(&self, id: Uuid) -> bool {
        let state = self.state.lock();
        state
            .recordings
            .get(&id)
            .is_some_and(|recording| recording.is_live)
    }

    /// A request begins. Returns the name by which its caller is known.
    pub fn begin_request(&self, shown: String, ends: Option<Uuid>) -> String {
        let mut state = self.state.lock();
        let number = state.requests.len();
        state.note(format!("request {number}: {shown}"));
        state.requests.push(KnownRequest {
            shown,
            ends,
            ..KnownRequest::default()
        });
        format!("r{number}")
    }

    /// A recorder has carried out a request, or its part of it.
    pub fn note_execution(&self, caller: &str, node: &str, changed: u32) {
        let mut state = self.state.lock();
        let number = caller
            .strip_prefix('r')
            .and_then(|number| number.parse::<usize>().ok());
        let Some(number) = number else {
            return;
        };
        state.note(format!("{node} carries out request {number}: {changed} changed"));
        let slack_ms = state.clock_back_ms;
        let request = &mut state.requests[number];
        request.changed += changed;
        let late_ms = request.told_ms.map(|told_ms| elapsed_ms() - told_ms);
        let shown = request.shown.clone();
        if let Some(late_ms) = late_ms.filter(|late_ms| *late_ms > slack_ms) {
            state.fault(format!(
                "request {number}, {shown}, is carried out {late_ms} ms after its caller was told the result"
            ));
        }
    }

    /// The caller of a request is told the result.
    pub fn end_request(&self, caller: &str, result: &Result<ControlCounts>) {
        let mut state = self.state.lock();
        let number: usize = caller[1..].parse().expect("a number");
        let told = match result {
            Ok(counts) => format!("{} changed", counts.changed),
            Err(error) => format!("{:?}", error.status),
        };
        state.note(format!("request {number} is told: {told}"));
        let request = &mut state.requests[number];
        request.told_ms = Some(elapsed_ms());
        let (shown, changed, ends) = (request.shown.clone(), request.changed, request.ends);
        let is_unclear = |status: Status| matches!(status, Status::Timeout | Status::Unavailable);
        match result {
            Ok(counts) if counts.changed > changed => {
                state.fault(format!(
                    "request {number}, {shown}: told {told}, but {changed} changed"
                ));
            }
            Err(error) if changed > 0 && !is_unclear(error.status) => {
                state.fault(format!(
                    "request {number}, {shown}: refused, but {changed} changed"
                ));
            }
            _ => {}
        }
        let ended = ends.filter(|_| result.is_ok());
        let Some(recording) = ended.and_then(|id| state.recordings.get_mut(&id)) else {
            return;
        };
        recording.ends_told += 1;
        if recording.ends_told > 1 {
            state.fault(format!("request {number}, {shown}: it was ended already"));
        }
    }

    /// A node has listed the cluster. `begun_ms`: when the request began.
    pub fn note_list(&self, node: &str, begun_ms: u64, views: &[RecordingView]) {
        let mut state = self.state.lock();
        let flagged = views.iter().filter(|view| view.is_unreachable).count();
        state.note(format!(
            "{node} lists {} recordings, {flagged} unreachable",
            views.len()
        ));
        // A renewal may have been on its way when the process died.
        let most_ms = self.lease_ms + 2 * LATENCY_MAX_MS + state.clock_back_ms;
        for view in views.iter().filter(|view| !view.is_unreachable) {
            let Some(recording) = state.recordings.get(&view.id) else {
                state.fault(format!("{node} lists the unknown recording {}", view.id));
                continue;
            };
            let process = recording.process;
            let died_ms = state.processes[process].died_ms;
            if died_ms.is_some_and(|died_ms| begun_ms > state.last_beat_ms(died_ms) + most_ms) {
                state.fault(format!(
                    "{node} lists {} of the dead process {process} as live",
                    view.id
                ));
            }
        }
    }

    pub fn note_call(
        &self,
        tenures: &mut Tenures,
        data: &DataSet,
        name: &str,
        args: &[&str],
        result: &RedisReply,
    ) {
        let mut state = self.state.lock();
        match tenures.note(data, name, args, result) {
            Ok(lost) => {
                for node in lost {
                    state.find_lost(node, args[5]);
                }
            }
            Err(words) => state.fault(words),
        }
        if name == "callrec_ended" && matches!(result, Ok(Value::Int(1))) {
            for group in GROUPS {
                let key = (group.to_owned(), args[0].to_owned());
                if state.acted.contains_key(&key) {
                    continue;
                }
                let has_group = |stream: &EventStream| stream.has_group(group);
                if data.stream(STREAM).is_some_and(has_group) {
                    state.fault(format!("the end of {} is done, but not for {group}", args[0]));
                } else {
                    state.unread.insert(key);
                }
            }
        }
    }

    /// An event of a process says that a node is lost.
    pub fn note_lost_event(&self, finder: usize, detail: &str) {
        let mut state = self.state.lock();
        let lost = detail.split('"').nth(3).unwrap_or_default();
        let report = LostReport {
            node: lost.to_owned(),
            finder,
        };
        let JudgeState {
            unreported,
            unclear,
            reports,
            ..
        } = &mut *state;
        for expected in [unreported, unclear] {
            if let Some(at) = expected.iter().position(|known| *known == report) {
                expected.remove(at);
                reports.push(report);
                return;
            }
        }
        state.fault(format!("process {finder} reports {lost} as lost once too often"));
    }

    /// Whether a dead node was found and reported.
    #[cfg(test)]
    pub fn has_found_death(&self) -> bool {
        !self.state.lock().reports.is_empty()
    }

    /// After the end: each dead node was reported in an event.
    pub fn check_lost_events(&self) {
        let mut state = self.state.lock();
        for LostReport { node, finder } in std::mem::take(&mut state.unreported) {
            state.fault(format!("process {finder} has not reported that {node} is lost"));
        }
    }

    /// The server has lost data. An end whose job was done before a group existed may be among it.
    pub fn note_data_loss(&self) {
        let mut state = self.state.lock();
        // An older copy may have reports that were confirmed.
        let unreported = std::mem::take(&mut state.unreported);
        let again = state.reports.clone();
        state.unclear.extend(unreported.into_iter().chain(again));
        let unread = std::mem::take(&mut state.unread);
        let lost = unread.into_iter().filter(|key| !state.acted.contains_key(key));
        let lost: Vec<_> = lost.collect();
        state.excused.extend(lost);
    }

    /// A consumer acts on an end that it does not remember.
    pub fn note_act(&self, group: &str, id: &str) {
        let mut state = self.state.lock();
        let count = state.acted.entry((group.to_owned(), id.to_owned())).or_default();
        *count += 1;
        state.note(format!("{group} acts on the end of {id}"));
    }

    pub fn note_standstill(&self, from_ms: u64, until_ms: u64) {
        self.state.lock().standstills.push((from_ms, until_ms));
    }

    pub fn note_clock_jump(&self, ms: i64) {
        let mut state = self.state.lock();
        state.clock_back_ms += ms.min(0).unsigned_abs();
        state.note(format!("the clock of Redis jumps by {ms} ms"));
    }

    /// Whether each group has acted on the end of each recording that has ended, as far as it can.
    pub fn has_all_ends(&self) -> bool {
        let state = self.state.lock();
        let mut ended = state.recordings.iter().filter(|(_, known)| !known.is_live);
        ended.all(|(id, _)| {
            GROUPS.iter().all(|group| {
                let key = ((*group).to_owned(), id.to_string());
                state.acted.contains_key(&key) || state.excused.contains(&key)
            })
        })
    }

    /// After the end: each recording that has ended was acted on once by each group.
    pub fn check_ends(&self) {
        let mut state = self.state.lock();
        let mut missed = Vec::new();
        for (id, _) in state.recordings.iter().filter(|(_, known)| !known.is_live) {
            for group in GROUPS {
                let key = (group.to_owned(), id.to_string());
                match state.acted.get(&key) {
                    Some(1) => {}
                    Some(count) => missed.push(format!("{group} acted on {id} {count} times")),
                    None if state.excused.contains(&key) => {}
                    None => missed.push(format!("{group} has not acted on {id}")),
                }
            }
        }
        missed.into_iter().for_each(|words| state.fault(words));
    }

    /// After the end: every node lists exactly the recordings that are live.
    pub fn check_list(&self, node: &str, views: &[RecordingView]) {
        let mut state = self.state.lock();
        let live = state.recordings.iter().filter(|(_, known)| known.is_live);
        let expected: BTreeSet<Uuid> = live.map(|(id, _)| *id).collect();
        let listed: BTreeSet<Uuid> = views.iter().map(|view| view.id).collect();
        let flagged = views.iter().any(|view| view.is_unreachable);
        if listed != expected || listed.len() != views.len() || flagged {
            let (more, less) = (listed.difference(&expected), expected.difference(&listed));
            let words = format!(
                "after all is healed, {node} lists too many: {:?}, and misses: {:?}; unreachable: {flagged}",
                more.collect::<Vec<_>>(),
                less.collect::<Vec<_>>()
            );
            state.fault(words);
        }
    }
}
