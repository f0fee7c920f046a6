use std::sync::mpsc;

use super::super::{
    AcceptedDraft, Attachment, CallUpdate, ControlOperation, ListedRecording, Readings, RecordingDraft,
    RecordingSpec, SuccessorStart,
};
use super::*;
use crate::calls::spec::AUTOMATIC;
use crate::clock::SystemClock;
use crate::text::Text;
use crate::types::{AudioSpec, Format, Layout, PauseMode};

struct NullMedia;

impl MediaControl for NullMedia {
    fn set_info(&self, _: &Arc<CallInfo>) {}
    fn pause(&self, _: Uuid) {}
    fn resume(&self, _: Uuid) {}
    fn stop(&self, _: Uuid, _: EndReason) {}
    fn end(&self, _: EndReason) {}
    fn last_media_ns(&self) -> u64 {
        0
    }
}

/// Signals that a list reads this recording.
struct ReadSignal(mpsc::Sender<()>);

impl Attachment for ReadSignal {
    fn set_held(&self, _is_held: bool) {}

    fn readings(&self) -> Readings {
        let _ = self.0.send(());
        Readings::default()
    }

    fn update_call(&self, _: &Arc<CallInfo>, _: &Arc<Vec<LineStay>>) {}

    fn describe(&self, _: Option<(&Error, i64)>) -> String {
        String::new()
    }
}

fn begin(registry: &Registry, number: u64) {
    let info = CallInfo {
        call_id: Text::from(number.to_string()),
        ..CallInfo::default()
    };
    registry
        .begin(number, info, 0, Arc::new(NullMedia))
        .expect("a call");
}

/// No test here ends recordings by a transfer.
fn no_successors() -> SuccessorStart<'static> {
    SuccessorStart {
        storage: Ok(()),
        draft: &|_| unreachable!(),
        begin: &|_| unreachable!(),
    }
}

fn spec() -> RecordingSpec {
    RecordingSpec::new(AudioSpec {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Silence,
        max_duration_ms: 0,
        rate: 0,
    })
}

fn automatic_spec() -> RecordingSpec {
    RecordingSpec {
        flags: AUTOMATIC,
        ..spec()
    }
}

fn record(registry: &Registry, call_id: &str, signal: mpsc::Sender<()>) {
    let draft = RecordingDraft::new(Uuid::new_v4(), spec(), "");
    let begin =
        |accepted: AcceptedDraft<'_>| Arc::new(Recording::new(accepted, 0, Arc::new(ReadSignal(signal))));
    let target = Filter::call(&Text::new(call_id));
    let started = registry.start(&Caller::Host, &target, Ok(draft), Ok(()), begin);
    assert!(started.is_ok());
}

/// A list of all calls holds the lock only for some of them at a time.
#[test]
fn a_list_of_all_calls_does_not_block_a_call_end() {
    const CALLS: u64 = 200 * SLICE as u64;
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    (0..CALLS).for_each(|number| begin(&registry, number));
    let (signal, mut read) = mpsc::channel();
    record(&registry, "0", signal);
    let all = || registry.calls(&Caller::Host, &Filter::default()).expect("a list");
    let listed = all();
    assert!(listed.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!((listed.len() as u64, listed[0].live.len()), (CALLS, 1));
    // The last call ends while a list is at the first call. A thread may be late.
    let interleaved = (CALLS..CALLS + 300).any(|last| {
        begin(&registry, last);
        while read.try_recv().is_ok() {}
        std::thread::scope(|threads| {
            let (registry, read) = (&registry, &mut read);
            let ended = threads.spawn(move || {
                read.recv().expect("a list");
                registry.end(last, EndReason::CallEnded, 0).expect("it is live");
            });
            let listed = all();
            ended.join().expect("no panic");
            listed.last().is_some_and(|call| call.number < last)
        })
    });
    assert!(interleaved, "the call end waits for the whole list");
}

/// A host that updates its calls very often must not cause a failing recording each time.
#[test]
fn an_update_does_not_retry_a_failed_automatic_recording() {
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    let (device, number) = (Text::new("AUTO"), Text::default());
    let pending = registry.set_line(&device, &number, rules::AUTOMATIC);
    assert_eq!(pending, Ok(Vec::new()));
    let info = CallInfo {
        device_name: device.clone(),
        ..CallInfo::default()
    };
    let follow_up = registry.begin(1, info, 0, Arc::new(NullMedia)).expect("a call");
    assert!(follow_up.automatic);
    let draft = || RecordingDraft::new(Uuid::new_v4(), automatic_spec(), "");
    let create = |accepted: AcceptedDraft<'_>| {
        let (signal, _) = mpsc::channel();
        Arc::new(Recording::new(accepted, 0, Arc::new(ReadSignal(signal))))
    };
    let low = Err(Error::new(Status::NoSpace, "too little"));
    assert!(registry.start_automatic(1, draft(), low, create).is_err());
    let started = registry
        .start_automatic(1, draft(), Ok(()), create)
        .expect("it stays pending");
    let id = started.expect("the policy asks for it").id;
    registry.failed(id, Status::Io, 0);
    assert_eq!(registry.counts().1, 0);
    let update = registry
        .update(1, &CallUpdate::default(), 0, &no_successors())
        .expect("it is live");
    assert!(!update.automatic);
    let pending = registry.set_line(&device, &number, rules::AUTOMATIC);
    assert_eq!(pending, Ok(Vec::new()));
    assert!(registry.due_automatic_calls().is_empty(), "not yet");
    let again = registry.start_automatic(1, draft(), Ok(()), create);
    assert!(again.expect("it is pending").is_some());
}

/// Every change that a list shows has changed the version when it returns.
#[test]
fn each_change_of_a_live_recording_changes_the_version() {
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    let (signal, _read) = mpsc::channel();
    let mut last = registry.live_version();
    let mut changes = |what: &str, act: &dyn Fn()| {
        act();
        let now = registry.live_version();
        assert_ne!(now, last, "{what}");
        last = now;
        let list = registry.list_live().expect("a list");
        assert_eq!(list.version, now);
        list.recordings
    };
    begin(&registry, 1);
    let listed = changes("start", &|| record(&registry, "1", signal.clone()));
    let [first] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    let id = first.view.id.to_string();
    let control = |operation| {
        let outcomes = &mut Vec::new();
        registry
            .control_by_id(&Caller::Host, operation, &id, 0, outcomes)
            .expect("it is live");
    };
    let is_paused = |listed: &[ListedRecording]| listed[0].view.state == RecordingState::Paused;
    assert!(is_paused(&changes("pause", &|| control(ControlOperation::Pause))));
    assert!(!is_paused(&changes("resume", &|| control(
        ControlOperation::Resume
    ))));
    for on in [true, false] {
        let private = changes("privacy", &|| registry.set_private(1, on).expect("a call"));
        assert_eq!(is_paused(&private), on);
    }
    let update = CallUpdate {
        username: Some(Text::from("anna")),
        ..CallUpdate::default()
    };
    let updated = changes("update", &|| {
        registry.update(1, &update, 0, &no_successors()).expect("a call");
    });
    assert_eq!(updated[0].view.info.username.as_str(), "anna");
    assert!(changes("stop", &|| control(ControlOperation::Stop)).is_empty());
    record(&registry, "1", signal.clone());
    let of_its_own = registry.list_live().expect("a list").recordings[0].view.id;
    let ended = || assert!(registry.ended_itself(of_its_own, EndReason::Stopped, 0));
    assert!(changes("its own end", &ended).is_empty());
    record(&registry, "1", signal.clone());
    let failing = registry.list_live().expect("a list").recordings[0].view.id;
    let failed = || assert!(registry.failed(failing, Status::Io, 0));
    assert!(changes("failure", &failed).is_empty());
    record(&registry, "1", signal.clone());
    let end = || drop(registry.end(1, EndReason::CallEnded, 0).expect("a call"));
    assert!(changes("end of the call", &end).is_empty());
}

#[test]
fn the_version_stays_while_no_recording_changes() {
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    let (signal, _read) = mpsc::channel();
    begin(&registry, 1);
    record(&registry, "1", signal);
    let version = registry.live_version();
    begin(&registry, 2);
    registry
        .update(2, &CallUpdate::default(), 0, &no_successors())
        .expect("a call");
    registry.end(2, EndReason::CallEnded, 0).expect("a call");
    let own = Filter::call(&Text::new("1"));
    for filter in [Filter::default(), own] {
        registry.list(&Caller::Host, &filter).expect("a list");
    }
    assert_eq!(registry.live_version(), version);
}

/// A clock that stands still until a test sets it.
#[derive(Debug, Default)]
struct SetClock(std::sync::atomic::AtomicU64);

impl SetClock {
    fn set_ms(&self, ms: u64) {
        let ns = ms * crate::clock::NS_PER_MS;
        self.0.store(ns, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn coarse_ns(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn unix_ms(&self) -> i64 {
        (self.coarse_ns() / crate::clock::NS_PER_MS) as i64
    }

    fn now(&self) -> std::time::Instant {
        std::time::Instant::now()
    }
}

/// Media that keep everything. Notes when audio may be kept for later recordings.
#[derive(Default)]
struct KeepingMedia(Mutex<Vec<bool>>);

impl MediaControl for KeepingMedia {
    fn set_info(&self, _: &Arc<CallInfo>) {}
    fn pause(&self, _: Uuid) {}
    fn resume(&self, _: Uuid) {}
    fn stop(&self, _: Uuid, _: EndReason) {}
    fn end(&self, _: EndReason) {}
    fn last_media_ns(&self) -> u64 {
        0
    }
    fn kept_from_ns(&self) -> Option<u64> {
        Some(0)
    }

    fn keep_past(&self, on: bool) {
        self.0.lock().push(on);
    }
}

/// A pause begins with the end of a packet, at most 60 ms after the clock, and does not end before
/// that. The media give nothing from before, so no recording is told that they do.
#[test]
fn what_a_recording_is_given_begins_after_the_last_packet_before_a_short_pause() {
    for (resumed_ms, given_ms) in [(1_000, 440), (1_020, 440), (1_060, 440), (1_100, 400)] {
        let clock = Arc::new(SetClock::default());
        let registry = Registry::new(Limits::default(), false, clock.clone());
        let info = CallInfo {
            call_id: Text::new("0"),
            ..CallInfo::default()
        };
        registry
            .begin(0, info, 0, Arc::new(KeepingMedia::default()))
            .expect("a call");
        clock.set_ms(1_000);
        registry.set_private(0, true).expect("a call");
        clock.set_ms(resumed_ms);
        registry.set_private(0, false).expect("a call");
        clock.set_ms(1_500);
        let spec = RecordingSpec {
            lookback_ms: u32::MAX,
            ..spec()
        };
        let draft = RecordingDraft::new(Uuid::new_v4(), spec, "");
        let (signal, _) = mpsc::channel();
        let begin =
            |accepted: AcceptedDraft<'_>| Arc::new(Recording::new(accepted, 0, Arc::new(ReadSignal(signal))));
        let target = Filter::call(&Text::new("0"));
        let started = registry.start(&Caller::Host, &target, Ok(draft), Ok(()), begin);
        let started = started.unwrap_or_else(|error| panic!("{}", error.message));
        assert_eq!(started.spec.lookback_ms, given_ms, "{resumed_ms}");
    }
}

/// The media know of no recording that is paused, so they are told.
#[test]
fn nothing_is_kept_while_a_pending_automatic_recording_is_paused() {
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    let media = Arc::new(KeepingMedia::default());
    let device = Text::new("AUTO");
    registry
        .set_line(&device, &Text::default(), rules::AUTOMATIC)
        .expect("a line");
    let info = CallInfo {
        call_id: Text::new("1"),
        device_name: device,
        ..CallInfo::default()
    };
    registry.begin(1, info, 0, media.clone()).expect("a call");
    for operation in [ControlOperation::Pause, ControlOperation::Resume] {
        registry.lock().set_next_automatic_paused(operation, &[1], 0);
    }
    assert_eq!(*media.0.lock(), [false, true]);
}

/// One update moves the call and says that consent was refused.
#[test]
fn a_refusal_decides_about_the_recordings_of_a_call_that_is_transferred() {
    for on_transfer in [TransferAction::Continue, TransferAction::Stop] {
        let limits = Limits {
            on_transfer,
            on_refusal: RefusalAction::Discard,
            ..Limits::default()
        };
        let registry = Registry::new(limits, false, Arc::new(SystemClock));
        begin(&registry, 1);
        let (signal, _read) = mpsc::channel();
        record(&registry, "1", signal);
        let id = registry.list_live().expect("a list").recordings[0].view.id;
        let update = CallUpdate {
            device_name: Some(Text::from("SEP2")),
            consent: crate::calls::ConsentUpdate {
                state: Some(crate::calls::ConsentState::Refused),
                ..Default::default()
            },
            ..CallUpdate::default()
        };
        registry.update(1, &update, 1, &no_successors()).expect("a call");
        let ended = registry.recording(id).expect("it is known").view();
        assert_eq!(ended.end_reason, Some(EndReason::Discarded), "{on_transfer:?}");
    }
}

/// Notes when the audio of a recording ends.
struct StopMedia(Arc<Mutex<Vec<&'static str>>>);

impl MediaControl for StopMedia {
    fn set_info(&self, _: &Arc<CallInfo>) {}
    fn pause(&self, _: Uuid) {}
    fn resume(&self, _: Uuid) {}
    fn stop(&self, _: Uuid, _: EndReason) {
        self.0.lock().push("stop");
    }
    fn end(&self, _: EndReason) {}
    fn last_media_ns(&self) -> u64 {
        0
    }
}

/// Otherwise a packet that is passed in between would be in neither file, or in both.
#[test]
fn the_recording_that_follows_a_transfer_begins_when_the_other_one_ends() {
    let limits = Limits {
        on_transfer: TransferAction::New,
        ..Limits::default()
    };
    let registry = Registry::new(limits, false, Arc::new(SystemClock));
    let order = Arc::new(Mutex::new(Vec::new()));
    let info = CallInfo {
        call_id: Text::new("1"),
        ..CallInfo::default()
    };
    let media = Arc::new(StopMedia(order.clone()));
    registry.begin(1, info, 0, media).expect("a call");
    let (signal, _read) = mpsc::channel();
    record(&registry, "1", signal.clone());
    let first = registry.list_live().expect("a list").recordings[0].view.id;
    let successors = SuccessorStart {
        storage: Ok(()),
        draft: &|spec| RecordingDraft::new(Uuid::new_v4(), spec, ""),
        begin: &|accepted| {
            assert_eq!(accepted.draft.follows, Some(first));
            order.lock().push("start");
            Arc::new(Recording::new(accepted, 0, Arc::new(ReadSignal(signal.clone()))))
        },
    };
    let update = CallUpdate {
        device_name: Some(Text::from("SEP2")),
        ..CallUpdate::default()
    };
    let followed = registry.update(1, &update, 1, &successors).expect("a call");
    assert!(matches!(followed.transferred[0].successor, Some(Ok(_))));
    assert_eq!(*order.lock(), ["start"], "the start ends the other one");
    let refused = SuccessorStart {
        storage: Err(Error::new(Status::NoSpace, "full")),
        ..successors
    };
    let update = CallUpdate {
        device_name: Some(Text::from("SEP3")),
        ..CallUpdate::default()
    };
    let followed = registry.update(1, &update, 1, &refused).expect("a call");
    assert!(matches!(followed.transferred[0].successor, Some(Err(_))));
    assert_eq!(*order.lock(), ["start", "stop"]);
}
