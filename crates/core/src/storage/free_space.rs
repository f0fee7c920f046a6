//! How much is free on the disk.

use super::activity::Activity;
use super::directory::Directory;
use super::faults::Step;
use super::report::{LOG_INFO, LOG_WARNING, Report};
use super::root_path::RootPath;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::{self, NextStep, Signal};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How often the file system is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// The free space, as the file system last told it.
pub struct FreeSpace {
    directory: Arc<Directory>,
    root_path: Arc<RootPath>,
    report: Arc<dyn Report>,
    activity: Arc<Activity>,
    /// Below this the disk is low.
    min: u64,
    bytes: AtomicU64,
    answers: AtomicU64,
    /// The file system did not answer the last time.
    is_unknown: AtomicBool,
    signal: Arc<Signal>,
}

impl FreeSpace {
    pub fn new(
        directory: Arc<Directory>,
        root_path: Arc<RootPath>,
        report: Arc<dyn Report>,
        activity: Arc<Activity>,
        min: u64,
    ) -> FreeSpace {
        FreeSpace {
            directory,
            root_path,
            report,
            activity,
            min,
            bytes: AtomicU64::new(u64::MAX),
            answers: AtomicU64::new(0),
            is_unknown: AtomicBool::new(false),
            signal: Arc::default(),
        }
    }

    /// What ends the wait for the next time.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Asks again and again, until the shutdown.
    pub async fn run(&self) {
        while !self.activity.is_shutting_down() {
            task::suspend(NextStep::At(self.directory.clock().now() + PERIOD)).await;
            if !self.activity.is_shutting_down() {
                self.refresh().await;
                // Also without a recording that begins or ends.
                let _ = self.root_path.check().await;
            }
        }
    }

    async fn refresh(&self) {
        let step = self.directory.step(Step::FreeRoom).await;
        self.note(step.and_then(|()| self.directory.free_bytes()));
    }

    /// Asks, and waits for the answer.
    pub fn refresh_at_once(&self) {
        task::block_on(self.refresh(), self.directory.clock());
    }

    fn note(&self, free: io::Result<u64>) {
        let was_unknown = self.is_unknown.swap(free.is_err(), Ordering::Relaxed);
        match &free {
            Ok(bytes) => {
                self.bytes.store(*bytes, Ordering::Relaxed);
                self.answers.fetch_add(1, Ordering::Relaxed);
            }
            // Once: a disk that is gone is asked each second.
            Err(error) if !was_unknown => {
                let message = format!("free space unknown: {error}");
                self.report.log(LOG_WARNING, message);
            }
            Err(_) => {}
        }
        if was_unknown && free.is_ok() {
            self.report.log(LOG_INFO, "free space known again".to_owned());
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often the file system has answered.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub fn is_low(&self) -> bool {
        self.bytes() < self.min
    }

    pub fn nudge(&self) {
        self.signal.notify_all();
    }
}
