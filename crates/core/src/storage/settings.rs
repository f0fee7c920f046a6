//! How a store is set up.

use super::name::{DEFAULT_TEMPLATE, Template};
use super::placeholders::Placeholders;
use super::retry::TICK;
use crate::config_keys;
use crate::keys::checks::{choice, number, text};
use std::time::Duration;

/// When what is written is also made to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Never: it survives the process.
    Process,
    /// Once, before it is told that a recording is published.
    Finish,
    /// Also before it is told that a recording has started, and again and again while it is in
    /// progress.
    Power,
}

const DURABILITIES: [(&str, Durability); 3] = [
    ("process", Durability::Process),
    ("finish", Durability::Finish),
    ("power", Durability::Power),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256,
    None,
}

config_keys! {
    /// The keys that begin with `storage`, and what else a store is set up with.
    pub struct StorageConfig {
        "storage.directory" = "recordings" => directory: String, text(1..=3000),
            "where files go, {range} bytes; made if it is not there; one engine at a time holds it";
        "storage.name" = DEFAULT_TEMPLATE => name: String, text(1..=500),
            "template of a file's name without its extension, at most {most} bytes: {placeholders}; \"/\" makes directories",
            provided StorageConfig::check_name;
        "storage.host" = "" => host: String, text(0..=255),
            "the {host} of a name, at most {most} bytes";
        "storage.flush_ms" = "700" => flush_ms: u32, number(100..=10_000),
            "how often a recording's audio goes to its file, {range} ms";
        "storage.durability" = "finish" => durability: Durability, choice(&DURABILITIES),
            "\"process\" never syncs; \"finish\" syncs what is published before its terminal event; \"power\" also syncs what is in progress, before its STARTED event and then as storage.sync_interval_ms says";
        "storage.sync_interval_ms" = "1000" => sync_interval_ms: u32, number(100..=60_000),
            "with \"power\", a power cut loses at most this much audio while the disk keeps up, {range} ms; less than storage.flush_ms + 180 needs a shorter storage.flush_ms as well";
        "storage.digest" = "sha256" => digest: Digest, choice(&[("sha256", Digest::Sha256), ("none", Digest::None)]),
            "{choices}, of the finished file, in its manifest";
        "storage.backlog_ms" = "15000" => backlog_ms: u32, number(1000..=600_000),
            "audio of one recording that may wait for a slow disk, {range} ms; beyond it blocks are dropped and counted";
        "storage.backlog_bytes" = "536870912" => backlog_bytes: u64, number(1 << 20..=u64::MAX),
            "the same for all recordings together, {range} bytes";
        "storage.max_open_files" = "0" => max_open_files: u32, number(0..=1_000_000),
            "how many recordings keep their file open, {range}; beyond it each block is open-append-close; 0: half of the process's soft limit";
        "storage.min_free_bytes" = "104857600" => min_free_bytes: u64, number(0..=u64::MAX),
            "below so much free room no recording is started (REC_ERR_NO_SPACE)";
    }
    without key {
        /// What names may contain beside the engine's own placeholders.
        placeholders: Placeholders = Placeholders::default();
        writers: usize = 2;
        finishers: usize = 2;
        /// With [`Durability::Power`] alone.
        syncers: usize = 4;
        /// How old audio may be when it comes to be written, beside `flush_ms`.
        lag_ms: u32 = 180;
        /// Where a test wants a panic, once: `faults.panic`, which no document lists.
        #[cfg(feature = "faults")]
        panic_at: String = String::new();
    }
}

impl StorageConfig {
    pub fn new(directory: impl Into<String>) -> StorageConfig {
        StorageConfig {
            directory: directory.into(),
            ..StorageConfig::default()
        }
    }

    /// How long after audio was written it is due to be synced. The writer looks for what is due
    /// on its tick.
    pub fn sync_delay(&self) -> Duration {
        let interval = Duration::from_millis(u64::from(self.sync_interval_ms));
        interval
            .saturating_sub(self.written_within())
            .saturating_sub(TICK)
    }

    /// How old audio is at the most when it has been written.
    pub fn written_within(&self) -> Duration {
        Duration::from_millis(u64::from(self.flush_ms) + u64::from(self.lag_ms))
    }

    fn check_name(&self, name: &str) -> std::result::Result<(), String> {
        Template::with(name, &self.placeholders).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_in_is_synced_within_the_interval() {
        for (interval_ms, flush_ms, delay_ms) in [
            (1000, 700, 100),
            (100, 700, 0),
            (60_000, 700, 59_100),
            (1000, 100, 700),
        ] {
            let config = StorageConfig {
                sync_interval_ms: interval_ms,
                flush_ms,
                ..StorageConfig::default()
            };
            assert_eq!(config.sync_delay(), Duration::from_millis(delay_ms));
        }
    }
}
