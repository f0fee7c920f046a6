use super::*;
use crate::calls::registry::Limits;
use crate::calls::{Attachment, CallInfo, Caller, LineStay, StartRequest, Wire};
use crate::events::bus::Listener;
use crate::sync::Mutex;

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

impl Attachment for Nowhere {
    fn readings(&self) -> Readings {
        Readings::default()
    }

    fn moved(&self, _: &Arc<CallInfo>, _: &Arc<Vec<LineStay>>) {}

    fn describe(&self, _: Option<(&Error, i64)>) -> String {
        "{}".to_owned()
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<Kind>>);

impl Listener for Heard {
    fn event(&self, event: &Event, _: u64) {
        self.0.lock().push(event.kind);
    }
}

/// What is told of a recording to which this happens.
fn told(act: impl FnOnce(&Desk, Uuid)) -> Vec<Kind> {
    let registry = Arc::new(Registry::new(Limits::default(), false));
    let bus = Bus::new();
    let desk = Desk::new(registry.clone(), bus.clone(), &Config::default());
    let info = CallInfo {
        call_id: Text::new("c"),
        ..CallInfo::default()
    };
    registry.begin(1, info, 0, Arc::new(Nowhere)).expect("a call");
    let (call_id, none, id) = (Text::new("c"), Text::default(), Uuid::new_v4());
    let request = StartRequest {
        call_id: &call_id,
        device_name: &none,
        directory_number: &none,
        username: &none,
        flags: 0,
    };
    let options = RecordingOptions {
        layout: Layout::Stereo,
        pause_mode: PauseMode::Silence,
        format: Format::Wav,
        max_duration_ms: 0,
        flags: 0,
        automatic: false,
    };
    let found = |founding: crate::calls::Founding<'_>| {
        let (url, attachment) = (Text::default(), Arc::new(Nowhere));
        Arc::new(Recording::new(id, &founding, options, url, 0, attachment))
    };
    let started = registry.start(&Caller::Host, &request, Ok(()), Ok(()), found);
    started.expect("it is connected");
    let heard = Arc::new(Heard::default());
    assert!(bus.subscribe(heard.clone()).is_ok());
    act(&desk, id);
    // Nobody tells while it happens.
    let thread = std::thread::spawn({
        let bus = bus.clone();
        move || bus.run()
    });
    let far = std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert!(bus.drain(far));
    bus.stop(true);
    thread.join().expect("no panic");
    heard.0.lock().clone()
}

#[test]
fn a_loss_is_told_between_start_and_end() {
    let kinds = told(|desk, id| {
        desk.lost(id);
        desk.lost(id);
        desk.created(id);
        desk.lost(id);
        desk.published(id, Manifest::default(), false);
        desk.lost(id);
    });
    assert_eq!(kinds, [Kind::Started, Kind::Loss, Kind::Loss, Kind::Finished]);
}

#[test]
fn no_loss_is_told_of_what_could_not_begin() {
    let kinds = told(|desk, id| {
        desk.lost(id);
        desk.create_failed(id, Error::new(Status::Io, "planted"));
        desk.lost(id);
    });
    assert_eq!(kinds, [Kind::StartFailed]);
}
