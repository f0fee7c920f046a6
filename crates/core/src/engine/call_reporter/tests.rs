use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::calls::CallState;
use crate::clock::SystemClock;
use crate::events::bus::{Listener, LogListener};
use crate::text::Text;

/// Collects each event's JSON object with the host's tag of its call, and the log lines.
#[derive(Default)]
struct ReportListener(Mutex<Vec<(Value, u64)>>, Mutex<Vec<String>>);

impl Listener for ReportListener {
    fn event(&self, event: &Event, sequence: u64) {
        let json = serde_json::from_str(&event.json(sequence)).unwrap();
        self.0.lock().push((json, event.subject.call_tag()));
    }
}

impl LogListener for ReportListener {
    fn log(&self, _: LogLevel, message: &str) {
        self.1.lock().push(message.to_owned());
    }
}

fn reports_of(act: impl FnOnce(&CallReporter)) -> Arc<ReportListener> {
    let (bus, listener) = (Bus::new(), Arc::<ReportListener>::default());
    assert!(bus.subscribe(listener.clone()).is_ok());
    bus.set_log(Some(listener.clone()));
    let reporting = ReportContext {
        bus: bus.clone(),
        clock: Arc::new(SystemClock),
        silent_ns: 10_000 * NS_PER_MS,
        is_memory_short: || false,
    };
    let report = CallReporter::new(1, reporting);
    let info = CallInfo {
        tag: 7,
        call_id: Text::new("c1"),
        ..CallInfo::default()
    };
    report.describe(&Arc::new(info));
    act(&report);
    let thread = std::thread::spawn({
        let bus = bus.clone();
        move || bus.dispatcher().run(&crate::clock::SystemClock)
    });
    assert!(bus.drain(Instant::now() + Duration::from_secs(60)));
    bus.stop(true);
    assert!(thread.join().is_ok(), "the event thread panicked");
    listener
}

#[test]
fn each_report_names_the_call_and_the_leg() {
    let reports = reports_of(|report| {
        report.ignored(Leg::Remote, 18);
        report.silent(Leg::Local);
    });
    let events = std::mem::take(&mut *reports.0.lock());
    let [(ignored, 7), (silent, 7)] = events.as_slice() else {
        panic!("{events:?}");
    };
    let member = |json: &Value, name: &str| json[name].to_string();
    for (name, value) in [
        ("event", "\"media-ignored\""),
        ("leg", "\"remote\""),
        ("payload_type", "18"),
        ("codec", "\"G729\""),
        (
            "remedy",
            "\"this build cannot decode G729; negotiate PCMU, PCMA, G722, opus or L16, or register a decoder \
             with rec_codec_register and declare the type\"",
        ),
    ] {
        assert_eq!(member(ignored, name), value);
    }
    for (name, value) in [
        ("event", "\"leg-silent\""),
        ("leg", "\"local\""),
        ("silent_ms", "10000"),
    ] {
        assert_eq!(member(silent, name), value);
    }
    for event in [ignored, silent] {
        assert_eq!(
            (&event["call"]["call_id"], &event["call"]["tag"]),
            (&"c1".into(), &7.into())
        );
    }
    let lines = std::mem::take(&mut *reports.1.lock());
    let [first, second] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(
        first,
        "call \"c1\": packets of payload type 18 (G729) on its remote leg are not recorded: \
         this build cannot decode G729; negotiate PCMU, PCMA, G722, opus or L16, or register a decoder \
         with rec_codec_register and declare the type"
    );
    assert_eq!(
        second,
        "call \"c1\": its local leg has had no decodable audio for 10000 ms (media.silent_ms)"
    );
}

#[test]
fn a_report_contains_the_latest_description_of_the_call() {
    let reports = reports_of(|report| {
        let info = CallInfo {
            tag: 8,
            state: CallState::Held,
            ..CallInfo::default()
        };
        let before = report.describe(&Arc::new(info)).expect("it had begun");
        assert_eq!((before.tag, before.state), (7, CallState::Connected));
        report.silent(Leg::Mixed);
    });
    assert_eq!(reports.0.lock()[0].1, 8);
}

#[test]
fn every_type_has_a_name_and_a_remedy() {
    for (payload_type, codec, remedy) in [
        (3, "GSM", "cannot decode GSM"),
        (15, "G728", "cannot decode G728"),
        (17, "DVI4", "cannot decode DVI4"),
        (34, "H263", "is video"),
        (30, "unassigned", "assigns no codec"),
        (72, "unassigned", "assigns no codec"),
        (95, "unassigned", "assigns no codec"),
        (
            96,
            "dynamic",
            "declare the type with rec_feed_sdp or rec_feed_payload",
        ),
        (
            127,
            "dynamic",
            "declare the type with rec_feed_sdp or rec_feed_payload",
        ),
    ] {
        assert_eq!(codec_of(payload_type), codec);
        let text = remedy_for(payload_type);
        assert!(text.contains(remedy), "{payload_type}: {text}");
    }
}
