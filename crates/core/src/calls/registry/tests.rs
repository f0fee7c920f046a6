use std::sync::mpsc;

use super::super::{AcceptedDraft, Attachment, Readings, RecordingDraft, RecordingSpec};
use super::*;
use crate::calls::spec::AUTOMATIC;
use crate::clock::SystemClock;
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
    let update = registry.update(1, &CallUpdate::default(), 0).expect("it is live");
    assert!(!update.automatic);
    let pending = registry.set_line(&device, &number, rules::AUTOMATIC);
    assert_eq!(pending, Ok(Vec::new()));
    assert!(registry.due_automatic_calls().is_empty(), "not yet");
    let again = registry.start_automatic(1, draft(), Ok(()), create);
    assert!(again.expect("it is pending").is_some());
}
