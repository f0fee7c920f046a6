use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::calls::rules;
use crate::config::Config;
use crate::storage::{Platform, StorageConfig};
use crate::text::Text;

static SHORT: AtomicBool = AtomicBool::new(false);

fn live_recordings(engine: &Engine) -> u64 {
    engine.statistics().expect("it is open").live_recordings
}

/// No thread runs here, so the test itself calls the retry of the watch.
#[test]
fn a_call_without_memory_for_its_automatic_recording_continues_and_is_recorded_later() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = Config {
        storage: StorageConfig {
            min_free_bytes: 0,
            ..StorageConfig::new(dir.path().to_str().expect("UTF-8"))
        },
        is_memory_short: || SHORT.load(Ordering::Relaxed),
        ..Config::default()
    };
    let engine = Engine::prepare(Platform::system(), config).expect("an engine");
    let device = Text::new("AUTO");
    engine
        .set_line(&device, &Text::default(), rules::AUTOMATIC)
        .expect("a line");
    SHORT.store(true, Ordering::Relaxed);
    let info = CallInfo {
        device_name: device,
        ..CallInfo::default()
    };
    let call = engine.begin_call(info).expect("a call");
    assert_eq!(live_recordings(&engine), 0);
    engine.start_automatic(call.number);
    assert_eq!(live_recordings(&engine), 0, "memory is still short");
    SHORT.store(false, Ordering::Relaxed);
    engine.start_automatic(call.number);
    assert_eq!(live_recordings(&engine), 1);
}
