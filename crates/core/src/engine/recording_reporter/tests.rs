use super::*;
use crate::calls::registry::Limits;
use crate::calls::{
    AcceptedDraft, Attachment, CallInfo, Caller, Filter, LineStay, MediaControl, RecordingDraft,
    RecordingSpec,
};
use crate::clock::SystemClock;
use crate::events::bus::Listener;
use crate::storage::StorageListener;
use crate::sync::Mutex;
use crate::types::{AudioSpec, Format, Layout, PauseMode};

/// A call without media and a recording without a file.
struct NoMedia;

impl MediaControl for NoMedia {
    fn set_info(&self, _: &Arc<CallInfo>) {}
    fn pause(&self, _: Uuid) {}
    fn resume(&self, _: Uuid) {}
    fn stop(&self, _: Uuid, _: EndReason) {}
    fn end(&self, _: EndReason) {}
    fn last_media_ns(&self) -> u64 {
        0
    }
}

impl Attachment for NoMedia {
    fn set_held(&self, _is_held: bool) {}

    fn readings(&self) -> Readings {
        Readings::default()
    }

    fn update_call(&self, _: &Arc<CallInfo>, _: &Arc<Vec<LineStay>>) {}

    fn describe(&self, _: Option<(&Error, i64)>) -> String {
        "{}".to_owned()
    }
}

#[derive(Default)]
struct EventListener(Mutex<Vec<(EventKind, u32, serde_json::Value)>>);

impl Listener for EventListener {
    fn event(&self, event: &Event, sequence: u64) {
        let json = serde_json::from_str(&event.json(sequence)).expect("JSON");
        self.0.lock().push((event.kind, event.flags, json));
    }
}

/// The events about a recording on which `act` runs.
fn events_of(act: impl FnOnce(&RecordingReporter, Uuid)) -> Vec<(EventKind, u32, serde_json::Value)> {
    let registry = Arc::new(Registry::new(Limits::default(), false, Arc::new(SystemClock)));
    let bus = Bus::new();
    let reporter = RecordingReporter::new(
        registry.clone(),
        bus.clone(),
        Arc::new(SystemClock),
        &Config::default(),
    );
    let info = CallInfo {
        call_id: Text::new("c"),
        ..CallInfo::default()
    };
    registry.begin(1, info, 0, Arc::new(NoMedia)).expect("a call");
    let spec = RecordingSpec::new(AudioSpec {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Silence,
        max_duration_ms: 0,
        rate: 0,
    });
    let draft = RecordingDraft::new(Uuid::new_v4(), spec, "");
    let id = draft.id;
    let begin = |accepted: AcceptedDraft<'_>| Arc::new(Recording::new(accepted, 0, Arc::new(NoMedia)));
    let target = Filter::call(&Text::new("c"));
    let started = registry.start(&Caller::Host, &target, Ok(draft), Ok(()), begin);
    started.expect("it is connected");
    let listener = Arc::new(EventListener::default());
    assert!(bus.subscribe(listener.clone()).is_ok());
    act(&reporter, id);
    // No event is delivered before `act` has returned.
    let thread = std::thread::spawn({
        let bus = bus.clone();
        move || bus.dispatcher().run(&crate::clock::SystemClock)
    });
    let far = std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert!(bus.drain(far));
    bus.stop(true);
    thread.join().expect("no panic");
    listener.0.lock().clone()
}

fn kinds_of(events: &[(EventKind, u32, serde_json::Value)]) -> Vec<EventKind> {
    events.iter().map(|(kind, ..)| *kind).collect()
}

fn losses(from: u64, spans: u64) -> Vec<SpanEntry> {
    let loss = |at| SpanEntry {
        kind: "loss".into(),
        leg: "remote".into(),
        from_frame: at,
        to_frame: Some(at + 160),
        length_ms: 20,
        reason: "network".into(),
    };
    (from..from + spans).map(loss).collect()
}

#[test]
fn a_loss_is_published_between_start_and_end() {
    let events = events_of(|reporter, id| {
        reporter.report_loss(id, &losses(0, 1));
        reporter.report_loss(id, &losses(1, 1));
        reporter.created(id);
        reporter.report_loss(id, &losses(2, 1));
        reporter.published(id, Manifest::default(), false);
        reporter.report_loss(id, &losses(3, 1));
    });
    let kinds = [
        EventKind::Started,
        EventKind::Loss,
        EventKind::Loss,
        EventKind::Finished,
    ];
    assert_eq!(kinds_of(&events), kinds);
    let from = |at: usize| {
        let spans = events[at].2["loss"].as_array().expect("spans");
        let from = spans.iter().map(|span| span["from_frame"].as_u64());
        from.collect::<Option<Vec<u64>>>().expect("numbers")
    };
    assert_eq!((from(1), from(2)), (vec![0, 1], vec![2]));
}

#[test]
fn a_loss_event_contains_at_most_100_spans() {
    let events = events_of(|reporter, id| {
        reporter.report_loss(id, &losses(0, 60));
        reporter.report_loss(id, &losses(60, 60));
        reporter.created(id);
        reporter.report_loss(id, &losses(0, 1000));
    });
    for (_, _, json) in &events[1..] {
        let spans = json["loss"].as_array().expect("spans");
        assert_eq!(spans.len(), SPANS_MAX);
        let expected = r#"{"kind":"loss","leg":"remote","from_frame":99,"to_frame":259,"length_ms":20,"reason":"network"}"#;
        let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(spans[99], expected);
        assert!(json["recording"].is_object());
    }
    assert_eq!(events.len(), 3);
}

#[test]
fn a_terminal_event_says_which_audio_is_missing() {
    let end = |no_audio, undecoded: &[&'static str], repeated| {
        let manifest = Manifest {
            no_audio,
            undecoded: undecoded.iter().map(|leg| (*leg).into()).collect(),
            ..Manifest::default()
        };
        let events = events_of(|reporter, id| {
            reporter.created(id);
            reporter.published(id, manifest, repeated);
        });
        let (kind, flags, json) = events[1].clone();
        assert_eq!(kind, EventKind::Finished);
        let recording = &json["recording"];
        assert_eq!(recording["no_audio"].as_bool(), no_audio.then_some(true));
        assert_eq!(
            recording["undecoded"].as_array().map_or(0, Vec::len),
            undecoded.len()
        );
        flags
    };
    assert_eq!(end(false, &[], false), 0);
    assert_eq!(end(false, &[], true), FLAG_REPEATED);
    assert_eq!(end(true, &[], false), FLAG_NO_AUDIO);
    assert_eq!(end(false, &["local"], false), FLAG_LEG_UNDECODED);
    let all = FLAG_REPEATED | FLAG_NO_AUDIO | FLAG_LEG_UNDECODED;
    assert_eq!(end(true, &["local", "remote"], true), all);
}

#[test]
fn no_loss_is_published_for_a_failed_start() {
    let events = events_of(|reporter, id| {
        reporter.report_loss(id, &losses(0, 1));
        reporter.create_failed(id, Error::new(Status::Io, "planted"));
        reporter.report_loss(id, &losses(0, 1));
    });
    assert_eq!(kinds_of(&events), [EventKind::StartFailed]);
}
