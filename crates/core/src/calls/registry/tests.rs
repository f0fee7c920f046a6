use std::sync::mpsc;

use super::super::{AcceptedDraft, Attachment, Readings, RecordingDraft, RecordingSpec};
use super::*;
use crate::clock::SystemClock;
use crate::words::{AudioSpec, Format, Layout, PauseMode};

struct Nowhere;

impl Wire for Nowhere {
    fn described(&self, _: &Arc<CallInfo>) {}
    fn pause(&self, _: Uuid) {}
    fn resume(&self, _: Uuid) {}
    fn stop(&self, _: Uuid, _: EndReason) {}
    fn end(&self, _: EndReason) {}
    fn last_media_ns(&self) -> u64 {
        0
    }
}

/// Says when a list has come to it.
struct Bell(mpsc::Sender<()>);

impl Attachment for Bell {
    fn readings(&self) -> Readings {
        let _ = self.0.send(());
        Readings::default()
    }

    fn moved(&self, _: &Arc<CallInfo>, _: &Arc<Vec<LineStay>>) {}

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
        .begin(number, info, 0, Arc::new(Nowhere))
        .expect("a call");
}

fn record(registry: &Registry, call_id: &str, bell: mpsc::Sender<()>) {
    let spec = RecordingSpec::new(AudioSpec {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Silence,
        max_duration_ms: 0,
        rate: 0,
    });
    let draft = RecordingDraft::new(Uuid::new_v4(), spec, "");
    let begin = |accepted: AcceptedDraft<'_>| Arc::new(Recording::new(accepted, 0, Arc::new(Bell(bell))));
    let target = Filter::call(&Text::new(call_id));
    let started = registry.start(&Caller::Host, &target, Ok(draft), Ok(()), begin);
    assert!(started.is_ok());
}

/// Who changes a call waits for a part of a walk over all of them.
#[test]
fn a_walk_over_all_calls_lets_others_in() {
    const CALLS: u64 = 200 * SLICE as u64;
    let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
    (0..CALLS).for_each(|number| begin(&registry, number));
    let (ring, mut rung) = mpsc::channel();
    record(&registry, "0", ring);
    let all = || registry.calls(&Caller::Host, &Text::default()).expect("a list");
    let listed = all();
    assert!(listed.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!((listed.len() as u64, listed[0].live.len()), (CALLS, 1));
    // The last call ends when a list has come to the first. A thread may be late.
    let let_in = (CALLS..CALLS + 300).any(|last| {
        begin(&registry, last);
        while rung.try_recv().is_ok() {}
        std::thread::scope(|threads| {
            let (registry, rung) = (&registry, &mut rung);
            let ended = threads.spawn(move || {
                rung.recv().expect("a list");
                registry.end(last, EndReason::CallEnded, 0).expect("it lives");
            });
            let listed = all();
            ended.join().expect("no panic");
            listed.last().is_some_and(|call| call.number < last)
        })
    });
    assert!(let_in, "everyone waits for the whole list");
}
