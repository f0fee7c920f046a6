//! A library whose streams fail, as when memory is short.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use callrec::capi::*;
use callrec::codec::mp3::{Mp3Library, Mp3Settings, Mp3Stream, set_mp3_loader};
use callrec::lame::{self, Lame};
use callrec_testkit::directory::ScratchDir;

use crate::files::{Mp3Call, assert_plays, expected};
use crate::players;
use crate::support::*;

/// Only recordings at this rate fail; no other test uses it.
const RATE: u32 = 24_000;
const FAILURES: u32 = 6;

static CALLS: AtomicU32 = AtomicU32::new(0);

/// LAME, of which at [`RATE`] every second call fails, [`FAILURES`] times.
struct FailingLame(&'static Lame);

struct FailingStream(Box<dyn Mp3Stream>);

fn fails() -> Result<(), String> {
    let call = CALLS.fetch_add(1, Ordering::SeqCst);
    match call.is_multiple_of(2) && call / 2 < FAILURES {
        true => Err("no memory".to_owned()),
        false => Ok(()),
    }
}

impl Mp3Library for FailingLame {
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        let stream = self.0.begin(settings)?;
        match settings.rate {
            RATE => Ok(Box::new(FailingStream(stream))),
            _ => Ok(stream),
        }
    }
}

impl Mp3Stream for FailingStream {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), String> {
        fails()?;
        self.0.encode(samples, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        fails()?;
        self.0.finish(out)
    }
}

/// Must precede the first engine of the process.
pub fn provide() {
    set_mp3_loader(|| {
        let library = FailingLame(lame::load(lame::NAMES)?);
        Ok(Box::leak(Box::new(library)))
    });
}

#[test]
fn a_failure_of_the_library_loses_nothing() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let mut call = Mp3Call::begin(&directory.0, RATE, &[]);
    let id = call.start(REC_LAYOUT_STEREO, "mp3");
    let samples = 4 * RATE as usize + 77;
    call.write(samples);
    end(call.call).expect("ended");
    let recording = call
        .engine
        .events
        .wait_terminal(&id)
        .recording
        .expect("a recording");
    assert_eq!((recording.state, recording.lost_ms), (REC_STATE_FINISHED, 0));
    assert!(CALLS.load(Ordering::SeqCst) > 2, "nothing has failed");
    assert_plays(
        Path::new(&recording.path),
        &expected(REC_LAYOUT_STEREO, RATE, samples),
    );
}
