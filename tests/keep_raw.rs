//! RTP packets that a recording keeps as they arrived, in a pcapng file beside the audio.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "keep_raw/capture.rs"]
mod capture;
#[cfg(unix)]
#[path = "keep_raw/kill.rs"]
mod kill;
#[path = "keep_raw/recordings.rs"]
mod recordings;
#[path = "support/support.rs"]
mod support;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::{RtpHeader, packet};
use support::*;

/// G.729, which this build does not decode.
const UNKNOWN: u8 = 18;
const EVENTS: u8 = 101;
const REAL: (&str, &str) = ("media.clock", "real");

/// The n-th packet of 20 ms of a codec.
fn nth(payload_type: u8, n: u64, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        sequence: n as u16,
        timestamp: n as u32 * 160,
        ssrc: 7,
    };
    packet(header, payload)
}

/// One engine, and one call `c` with a feed of each leg.
struct RawFixture {
    engine: TestEngine,
    call: rec_call,
    local: rec_feed,
    remote: rec_feed,
    // Last, so that the engine is closed before its directory is removed.
    dir: ScratchDir,
}

impl RawFixture {
    fn new(settings: &[(&str, &str)]) -> RawFixture {
        RawFixture::open(ScratchDir::new(), settings)
    }

    fn open(dir: ScratchDir, settings: &[(&str, &str)]) -> RawFixture {
        let engine = TestEngine::open(&dir.0, settings);
        let call = engine
            .begin(&CallFields {
                call_id: Some("c"),
                device: Some("SEP1"),
                ..CallFields::default()
            })
            .unwrap();
        let [local, remote] =
            [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCMU, 8000).unwrap());
        RawFixture {
            engine,
            call,
            local,
            remote,
            dir,
        }
    }

    /// Starts an additional recording.
    fn start(&self, keep_raw: i32) -> String {
        let start = StartFields {
            call_id: Some("c"),
            flags: REC_START_ADDITIONAL,
            keep_raw,
            ..StartFields::default()
        };
        self.engine.start(None, &start).unwrap()
    }

    fn stop(&self, id: &str) -> RecordingFields {
        self.engine.by_id(rec_stop_by_id, None, id).unwrap();
        self.finished(id)
    }

    fn finished(&self, id: &str) -> RecordingFields {
        self.engine.events.wait_terminal(id).recording.unwrap()
    }
}
