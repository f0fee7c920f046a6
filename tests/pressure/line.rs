//! Recorded calls, each with audio of its own.

use callrec::capi::*;
use callrec_testkit::random::byte_at;
use callrec_testkit::wav::WavFile;

pub use crate::support::feeds::*;
use crate::support::*;

/// A call with a G.711 local leg, which is recorded as `wav-ulaw` in one channel.
pub struct RecordedLine {
    pub number: u64,
    pub call: rec_call,
    pub feed: rec_feed,
    pub id: String,
    pub fed: u64,
}

/// The byte of line `number` at a position: never µ-law silence.
pub fn byte(number: u64, at: u64) -> u8 {
    byte_at(number, at) & 0x7f
}

pub fn bytes(number: u64, from: u64, count: usize) -> Vec<u8> {
    (from..from + count as u64).map(|at| byte(number, at)).collect()
}

impl RecordedLine {
    pub fn begin(engine: &TestEngine, number: u64) -> RecordedLine {
        let name = format!("line-{number}");
        let call = engine
            .begin(&CallFields {
                call_id: Some(&name),
                number: Some(&name),
                ..CallFields::default()
            })
            .unwrap();
        let feed = feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
        let id = record(engine, &name).unwrap();
        RecordedLine {
            number,
            call,
            feed,
            id,
            fed: 0,
        }
    }

    /// Writes the next `count` bytes in stream time; waits while the feed is full.
    pub fn feed(&mut self, count: usize) {
        for piece in bytes(self.number, self.fed, count).chunks(1600) {
            until_accepted(self.feed, || write(self.feed, piece));
        }
        self.fed += count as u64;
    }

    pub fn assert_whole(&self, wav: &WavFile) {
        let expected = bytes(self.number, 0, self.fed as usize);
        let found = wav.g711(0);
        let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
        let lengths = (found.len(), expected.len());
        assert!(
            found == expected,
            "line {}: {same} of {lengths:?} bytes are equal",
            self.number
        );
    }
}

/// Starts one more recording of a call's local leg.
pub fn record(engine: &TestEngine, call_id: &str) -> AbiResult<String> {
    engine.start(
        None,
        &StartFields {
            call_id: Some(call_id),
            format: Some("wav-ulaw"),
            layout: REC_LAYOUT_LOCAL,
            flags: REC_START_ADDITIONAL,
            ..StartFields::default()
        },
    )
}
