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

/// A call never fails because it cannot be recorded. No thread runs here: the watch's retry is
/// asked for.
#[test]
fn an_automatic_recording_waits_for_memory() {
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
    assert_eq!(live_recordings(&engine), 0, "there still is no memory");
    SHORT.store(false, Ordering::Relaxed);
    engine.start_automatic(call.number);
    assert_eq!(live_recordings(&engine), 1);
}
