//! How hosts transfer calls, give them further ids, and name their parties.

use callrec_core::calls::{CallUpdate, ConsentState, RecordingView, TransferAction};
use callrec_core::text::Text;
use callrec_core::types::{Leg, RecordingState, Status};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::host::{AUTOMATIC_DEVICE, DEVICES, Hosts};
use super::known_call::KnownCall;

const PARTIES: [&str; 4] = ["anna", "ben", "chris", "dora"];
const USERS: [&str; 2] = ["user-1", "user-2"];
/// The number of ids that a call may have besides its own.
const RELATED_MAX: usize = 16;

/// Recordings before and after a transfer: the options of each, and whether it is paused.
#[derive(Debug, Default)]
struct LiveRecordings {
    options: Vec<String>,
    paused: usize,
}

fn options_of(view: &RecordingView) -> String {
    let spec = &view.spec;
    format!("{:?} {:?} {}", spec.audio, spec.keep_raw, spec.flags)
}

impl LiveRecordings {
    fn of(views: &[RecordingView]) -> LiveRecordings {
        let mut options: Vec<String> = views.iter().map(options_of).collect();
        options.sort_unstable();
        let is_paused = |view: &&RecordingView| view.state == RecordingState::Paused;
        LiveRecordings {
            options,
            paused: views.iter().filter(is_paused).count(),
        }
    }
}

impl Hosts {
    /// Moves a call to any line, possibly its own, or to another user of its line.
    pub fn transfer(&mut self, index: usize) {
        let device = self.rng.pick(&DEVICES);
        let username = self.rng.chance(20).then(|| self.rng.pick(&USERS));
        let update = CallUpdate {
            device_name: Some(Text::new(device)),
            username: username.map(Text::new),
            ..CallUpdate::default()
        };
        let before = self.listed(index);
        if self.calls[index].call.update(&update).is_err() {
            return;
        }
        let call = &mut self.calls[index];
        let is_moved = call.device != device;
        call.device = device;
        let line = format!("call {} goes to {device}, {username:?}", call.call_id);
        self.trace(line);
        let number = self.calls[index].number;
        let mut state = self.model.lock();
        let known = state.calls[number].known.clone();
        let username = username.unwrap_or(&known.username);
        if is_moved || username != known.username {
            state.calls[number].known.move_to(device, username);
        }
        drop(state);
        if is_moved && self.on_transfer != TransferAction::Continue {
            self.end_transferred(index, &known, &before);
        }
    }

    /// The recordings of a call end because it was transferred; others may follow. `known`: the call
    /// before that.
    fn end_transferred(&mut self, index: usize, known: &KnownCall, before: &[RecordingView]) {
        let mut state = self.model.lock();
        let tick = state.tick;
        let past = &mut state.calls[self.calls[index].number].past;
        // A paused automatic recording decides about the next one.
        past.may_be_interrupted |= !past.paused.is_empty();
        let mut unclear = 0;
        for id in std::mem::take(&mut self.calls[index].recordings) {
            if let Some(recording) = state.recordings.get_mut(&id).filter(|of| of.is_live) {
                unclear += usize::from(recording.may_be_paused);
                recording.end_known(tick, known);
                recording.transferred = true;
            }
        }
        drop(state);
        self.find_automatic(index, tick);
        self.changed(index);
        if self.on_transfer == TransferAction::New {
            self.link_successors(index, before);
        }
        if self.disk_is_sound {
            self.check_successors(index, before, unclear);
        }
    }

    /// A recording is followed by one with the same options, which is paused if it was.
    fn link_successors(&self, index: usize, before: &[RecordingView]) {
        let key = |view: &RecordingView| {
            let is_paused = view.state == RecordingState::Paused;
            (
                options_of(view),
                is_paused && !self.calls[index].forbids_audio(self.needs_consent),
            )
        };
        let after = self.listed(index);
        for ended in before {
            let is_follower =
                |view: &&RecordingView| key(view) == key(ended) && before.iter().all(|of| of.id != view.id);
            let followers: Vec<Uuid> = after.iter().filter(is_follower).map(|view| view.id).collect();
            if !followers.is_empty() {
                self.model.lock().follow(ended.id, followers);
            }
        }
    }

    fn check_successors(&mut self, index: usize, before: &[RecordingView], unclear: usize) {
        let ended: Vec<Uuid> = before.iter().map(|view| view.id).collect();
        let mut after = self.listed(index);
        if let Some(view) = after.iter().find(|view| ended.contains(&view.id)) {
            let text = format!("recording {} goes on after a transfer", view.id);
            return self.model.lock().fault(text);
        }
        let had_automatic = before.iter().any(|view| view.spec.is_automatic());
        let is_new = self.on_transfer == TransferAction::New;
        if !had_automatic || !is_new {
            let call = &self.calls[index];
            let is_recorded = call.device == AUTOMATIC_DEVICE && !call.held;
            let is_recorded = is_recorded && call.consent != ConsentState::Refused;
            let all = after.len();
            after.retain(|view| !view.spec.is_automatic());
            if all - after.len() != usize::from(is_recorded) {
                let text = format!("a transfer starts {} automatic recordings", all - after.len());
                self.model.lock().fault(text);
            }
        }
        let expected = match is_new {
            true => LiveRecordings::of(before),
            false => LiveRecordings::default(),
        };
        let found = LiveRecordings::of(&after);
        if found.options != expected.options || found.paused.abs_diff(expected.paused) > unclear {
            let text = format!(
                "after a transfer, {found:?} are live instead of {expected:?}: {:?}",
                self.on_transfer
            );
            self.model.lock().fault(text);
        }
    }

    /// A switch gives a call another id, possibly one that it has already, or that of another call.
    pub fn relate(&mut self, index: usize) {
        let of = self.rng.index(self.calls.len());
        let (call, other) = (&self.calls[index], &self.calls[of]);
        let own = call.call_id.clone();
        match self.rng.below(20) {
            0 => (0..20).for_each(|n| self.add_id(index, &format!("{own}-{n}"), Ok(()))),
            1..=5 if of != index && other.device == call.device => {
                let id = other.call_id.clone();
                self.add_id(index, &id, Err(Status::Exists));
            }
            6 => self.add_id(index, &own, Ok(())),
            n => self.add_id(index, &format!("{own}-{n}"), Ok(())),
        }
    }

    fn add_id(&self, index: usize, id: &str, expected: Result<(), Status>) {
        let call = &self.calls[index];
        let update = CallUpdate {
            related_id: Some(Text::new(id)),
            ..CallUpdate::default()
        };
        let done = call.call.update(&update).map_err(|error| error.status);
        let line = format!("call {} is also {id}: {done:?}", call.call_id);
        let mut state = self.model.lock();
        state.note(line.clone());
        let known = &mut state.calls[call.number].known.related_ids;
        let is_new = id != call.call_id && !known.iter().any(|known| known == id);
        let expected = match is_new && known.len() == RELATED_MAX {
            true => Err(Status::Limit),
            false => expected,
        };
        if done.is_ok() && is_new {
            known.push(id.to_owned());
        }
        if done != expected {
            state.fault(format!("{line}, not {expected:?}"));
        }
    }

    /// The id of a call, or another one by which it must be found.
    pub fn any_id(&mut self, index: usize) -> String {
        let call = &self.calls[index];
        let state = self.model.lock();
        let related = &state.calls[call.number].known.related_ids;
        match self.rng.index(2 * related.len() + 1) {
            0 => call.call_id.clone(),
            at => related[(at - 1) / 2].clone(),
        }
    }

    /// Other parties are heard on a leg.
    pub fn name_parties(&mut self, index: usize) {
        let leg = self.rng.index(2);
        let names: Vec<&str> = PARTIES.into_iter().filter(|_| self.rng.chance(40)).collect();
        let party = |name: &&str| Map::from_iter([("name".to_owned(), Value::from(*name))]);
        let parties = names.iter().map(party).collect();
        let now_ms = self.engine.unix_ms();
        let call = &self.calls[index];
        let done = call.call.set_parties([Leg::Local, Leg::Remote][leg], parties);
        let line = format!("call {}, leg {leg}: {names:?} are heard", call.call_id);
        let mut state = self.model.lock();
        state.note(line);
        match done {
            Ok(()) => state.calls[call.number].known.hear(leg, &names, now_ms),
            Err(error) => state.fault(format!("parties: {}", error.message)),
        }
    }
}
