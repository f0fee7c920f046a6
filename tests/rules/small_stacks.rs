//! JSON from the host is parsed on the host's thread, whose stack may be small.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;

use super::scratch_engine::*;
use crate::support::*;

/// Runs `act` on a thread with a stack of 64 KiB. A longer use of the stack ends the process.
fn on_a_small_stack<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let thread = small.spawn_scoped(scope, act).unwrap();
        thread.join().unwrap()
    })
}

fn load(text: &str) -> AbiResult<()> {
    let dir = ScratchDir::new();
    let path = dir.0.join("config.json");
    std::fs::write(&path, text).unwrap();
    let path = CText::from(path.to_str().unwrap());
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let done = checked(|e| unsafe { rec_config_load(config, path.ptr(), e) });
    unsafe { rec_config_free(config) };
    done
}

/// `depth` objects or arrays inside each other.
fn nested(begin: &str, end: &str, depth: usize) -> String {
    format!("{}1{}", begin.repeat(depth), end.repeat(depth))
}

#[test]
fn deeply_nested_configurations_are_refused_on_a_small_stack() {
    on_a_small_stack(|| {
        load(r#"{"media": {"clock": "stream"}, "storage.flush_ms": 500}"#).unwrap();
        for depth in [16, 17, 100, 127, 128, 50_000] {
            for text in [
                nested("{\"a\":", "}", depth),
                format!("{{\"a\":{}}}", nested("[", "]", depth - 1)),
                "[".repeat(depth),
            ] {
                let error = refused(load(&text), REC_ERR_CONFIG);
                assert_eq!(
                    error.message.contains("nested deeper than 16"),
                    depth > 16,
                    "{error:?}"
                );
            }
        }
        // Brackets in a text are not levels.
        let error = refused(
            load(&format!(r#"{{"storage.host": "{}"}}"#, "[".repeat(300))),
            REC_ERR_CONFIG,
        );
        assert!(error.message.contains("storage.host"), "{error:?}");
    });
}

#[test]
fn deeply_nested_attributes_are_refused_on_a_small_stack() {
    let scratch = scratch_engine();
    let begin = |attributes: &str| {
        let call = CallFields {
            attributes: Some(attributes),
            ..line("SEP1", "101")
        };
        on_a_small_stack(|| scratch.begin(&call))
    };
    for depth in [17, 100, 127, 10_000] {
        let error = refused(begin(&nested("{\"a\":", "}", depth)), REC_ERR_INVALID_ARGUMENT);
        assert!(error.message.contains("nested deeper than 16"), "{error:?}");
    }
    begin(&format!(r#"{{"note": "{}"}}"#, "[".repeat(1000))).unwrap();
}
