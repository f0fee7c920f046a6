//! A disk that can stand still, and calls whose audio can be told apart.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callrec::capi::*;
use callrec::storage::faults::{self, FaultPoint};
use callrec_testkit::wait::until;
use callrec_testkit::wav::Wav;
use parking_lot::{Condvar, Mutex};

pub use crate::support::feeds::*;
use crate::support::*;

/// A disk that takes nothing while it stands still.
#[derive(Default)]
pub struct Disk {
    still: Mutex<bool>,
    bell: Condvar,
    /// Threads that wait for it.
    waiting: AtomicUsize,
    full: AtomicBool,
    room: bool,
}

impl Disk {
    /// From now on the steps of engines of this directory go by here.
    pub fn of(directory: &Path) -> Arc<Disk> {
        let disk = Arc::new(Disk::default());
        let at = Arc::clone(&disk);
        faults::set(directory, Arc::new(move |step| at.pass(step)));
        disk
    }

    /// It stands still when it is asked for the free room.
    pub fn asked_for_room(directory: &Path) -> Arc<Disk> {
        let disk = Arc::new(Disk {
            still: Mutex::new(true),
            room: true,
            ..Disk::default()
        });
        let at = Arc::clone(&disk);
        faults::set(directory, Arc::new(move |step| at.pass(step)));
        disk
    }

    fn pass(&self, step: FaultPoint) -> io::Result<()> {
        let mine = if self.room {
            FaultPoint::FreeSpace
        } else {
            FaultPoint::WriteAudio
        };
        if step != mine {
            return Ok(());
        }
        let mut still = self.still.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while *still {
            self.bell.wait(&mut still);
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        match self.full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    pub fn stands_still(&self, still: bool) {
        *self.still.lock() = still;
        self.bell.notify_all();
    }

    pub fn fills_up(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    /// Until so many writers wait for it.
    pub fn await_waiting(&self, threads: usize) {
        until("nobody writes", || self.waiting.load(Ordering::SeqCst) >= threads);
    }
}

/// A call `name` with a G.711 local leg, recorded as `wav-ulaw` in one channel.
pub struct Line {
    pub number: u64,
    pub call: rec_call,
    pub feed: rec_feed,
    pub id: String,
    pub fed: u64,
}

/// The byte of line `number` at a place: never µ-law silence.
pub fn byte(number: u64, at: u64) -> u8 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ number.wrapping_mul(0x1234_5677));
    ((mixed >> 40) as u8) & 0x7f
}

pub fn bytes(number: u64, from: u64, count: usize) -> Vec<u8> {
    (from..from + count as u64).map(|at| byte(number, at)).collect()
}

impl Line {
    pub fn begin(engine: &Engine, number: u64) -> Line {
        let name = format!("line-{number}");
        let call = engine
            .begin(&Call {
                call_id: Some(&name),
                number: Some(&name),
                ..Call::default()
            })
            .unwrap();
        let feed = feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
        let id = record(engine, &name).unwrap();
        Line {
            number,
            call,
            feed,
            id,
            fed: 0,
        }
    }

    /// Stream time: hands in what comes next, waiting for room.
    pub fn feed(&mut self, count: usize) {
        for piece in bytes(self.number, self.fed, count).chunks(1600) {
            until_taken(self.feed, || write(self.feed, piece));
        }
        self.fed += count as u64;
    }

    pub fn assert_whole(&self, wav: &Wav) {
        let want = bytes(self.number, 0, self.fed as usize);
        let found = wav.g711(0);
        let same = want.iter().zip(&found).take_while(|(a, b)| a == b).count();
        let lengths = (found.len(), want.len());
        assert!(found == want, "line {}: {same} of {lengths:?}", self.number);
    }
}

/// One more recording of a call, its local leg alone.
pub fn record(engine: &Engine, call_id: &str) -> Answer<String> {
    engine.start(
        None,
        &Start {
            call_id: Some(call_id),
            format: Some("wav-ulaw"),
            layout: REC_LAYOUT_LOCAL,
            flags: REC_START_ADDITIONAL,
            ..Start::default()
        },
    )
}
