//! Monitors the free space of the disk.

use super::activity::Activity;
use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::listener::{LOG_INFO, LOG_WARNING, StorageListener};
use super::root_path::RootPath;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::{self, NextStep, Signal};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The interval between two queries of the file system.
const QUERY_INTERVAL: Duration = Duration::from_secs(1);

/// The free space from the last query of the file system.
pub struct FreeSpace {
    directory: Arc<StorageDirectory>,
    root_path: Arc<RootPath>,
    listener: Arc<dyn StorageListener>,
    activity: Arc<Activity>,
    /// Below this many bytes, the free space is low.
    min: u64,
    bytes: AtomicU64,
    answers: AtomicU64,
    /// The last query failed.
    is_unknown: AtomicBool,
    signal: Arc<Signal>,
}

impl FreeSpace {
    pub fn new(
        directory: Arc<StorageDirectory>,
        root_path: Arc<RootPath>,
        listener: Arc<dyn StorageListener>,
        activity: Arc<Activity>,
        min: u64,
    ) -> FreeSpace {
        FreeSpace {
            directory,
            root_path,
            listener,
            activity,
            min,
            bytes: AtomicU64::new(u64::MAX),
            answers: AtomicU64::new(0),
            is_unknown: AtomicBool::new(false),
            signal: Arc::default(),
        }
    }

    /// Ends the wait for the next query.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Queries the file system periodically until the shutdown.
    pub async fn run(&self) {
        while !self.activity.is_shutting_down() {
            task::suspend(NextStep::At(self.directory.clock().now() + QUERY_INTERVAL)).await;
            if !self.activity.is_shutting_down() {
                self.refresh().await;
                // Check the path even if no recording begins or ends.
                let _ = self.root_path.check().await;
            }
        }
    }

    async fn refresh(&self) {
        let reached = self.directory.reach(FaultPoint::FreeSpace).await;
        self.note(reached.and_then(|()| self.directory.free_bytes()));
    }

    /// Queries the file system and waits for the answer.
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
            // Log once: the query is repeated each second.
            Err(error) if !was_unknown => {
                let message = format!(
                    "the free space of storage.directory cannot be read; callrec uses the last value: {error}"
                );
                self.listener.log(LOG_WARNING, message);
            }
            Err(_) => {}
        }
        if was_unknown && free.is_ok() {
            let message = "the free space of storage.directory can be read again";
            self.listener.log(LOG_INFO, message.to_owned());
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The number of successful queries.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub fn is_low(&self) -> bool {
        self.bytes() < self.min
    }

    pub fn wake(&self) {
        self.signal.notify_all();
    }
}
