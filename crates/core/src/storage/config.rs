//! The configuration of a store.

use super::job_spec::JobSpec;
use super::name::{DEFAULT_TEMPLATE, Template};
use super::placeholders::Placeholders;
use super::retry::TICK;
use super::sidecar::Sidecar;
use crate::config_keys;
use crate::keys::checks::{choice, list, number, text};
use std::time::Duration;

/// When written data is synced, so that it survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Never. The data survives the end of the process only.
    Process,
    /// Once, before a recording is reported as published.
    Finish,
    /// Also before a recording is reported as started, and repeatedly while it is in progress.
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
    /// The keys that begin with `storage`, and the settings of a store that have no key.
    pub struct StorageConfig {
        "storage.directory" = "recordings" => directory: String, text(1..=3000),
            "Directory of the recordings, {range} bytes. It is created if it does not exist. Only one engine at a time can open it.";
        "storage.name" = DEFAULT_TEMPLATE => name: String, text(1..=500),
            "Template of a file's name without its extension, at most {most} bytes, with the placeholders {placeholders}. \"/\" creates directories.",
            provided StorageConfig::check_name;
        "storage.host" = "" => host: String, text(0..=255),
            "Value of the placeholder {host}, at most {most} bytes.";
        "storage.flush_ms" = "700" => flush_ms: u32, number(100..=10_000),
            "How often a recording's audio is written to its file, {range} ms.";
        "storage.durability" = "finish" => durability: Durability, choice(&DURABILITIES),
            "When data is synced to the disk. \"process\": never. \"finish\": before a recording's terminal event. \"power\": also before its REC_EVENT_STARTED and, while it is live, as storage.sync_interval_ms says.";
        "storage.sync_interval_ms" = "1000" => sync_interval_ms: u32, number(100..=60_000),
            "With storage.durability \"power\", a power cut costs at most this much audio while the disk keeps up, {range} ms. For less than storage.flush_ms + 180, shorten storage.flush_ms too.";
        "storage.digest" = "sha256" => digest: Digest, choice(&[("sha256", Digest::Sha256), ("none", Digest::None)]),
            "Digest of the finished file in its manifest: {choices}.";
        "storage.sidecar" = "" => sidecars: Vec<Sidecar>, list(Sidecar::parse),
            "Files that callrec makes beside the finished audio: a comma-separated list of \"json\" (the manifest, which is always made) and \"vcon\" (a vCon, made after the terminal event). Empty: only the manifest.";
        "storage.backlog_ms" = "15000" => backlog_ms: u32, number(1000..=600_000),
            "Maximum audio of one recording that is queued for a slow disk, {range} ms. Further audio becomes silence and is counted as lost. Audio from before a start (media.lookback_ms) is not limited by this: it waits in the memory of its call.";
        "storage.backlog_bytes" = "536870912" => backlog_bytes: u64, number(1 << 20..=u64::MAX),
            "Maximum audio of all recordings that is queued for the disk, {range} bytes. Further audio becomes silence and is counted as lost, except audio from before a start (media.lookback_ms), which waits in the memory of its call instead.";
        "storage.max_open_files" = "0" => max_open_files: u32, number(0..=1_000_000),
            "Maximum number of recordings that keep their file open, {range}. Other files are opened and closed for each write. 0: half of the soft limit on open files of the process.";
        "storage.min_free_bytes" = "104857600" => min_free_bytes: u64, number(0..=u64::MAX),
            "While the disk has less free space than this, in bytes, no recording is started (REC_ERR_NO_SPACE).";
    }
    without key {
        /// Placeholders that names may contain besides the engine's own.
        placeholders: Placeholders = Placeholders::default();
        writers: usize = 2;
        /// Writers of compressed recordings.
        encoders: usize = 1;
        /// Used with [`Durability::Process`].
        finishers: usize = 2;
        /// Used with the others. Most of these wait for the disk, which then syncs for all of them
        /// at once: a file system commits its journal for every file whose sync has been requested.
        syncing_finishers: usize = 16;
        /// Used only with [`Durability::Power`].
        syncers: usize = 4;
        /// Recovery discards recordings of calls whose consent was refused.
        discards_refused: bool = false;
        /// Jobs that every recording has after its end, also one that is discarded.
        end_jobs: Vec<JobSpec> = Vec::new();
        /// The maximum age of audio when it is queued, which adds to `flush_ms` before it is
        /// written.
        lag_ms: u32 = 180;
        /// Jobs that every published recording gets.
        jobs: Vec<JobSpec> = Vec::new();
        /// The point at which a test wants one panic: the undocumented key `faults.panic`.
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

    /// The time between a write and its sync. The writer may be late by the interval between retries.
    pub fn sync_delay(&self) -> Duration {
        let interval = Duration::from_millis(u64::from(self.sync_interval_ms));
        interval
            .saturating_sub(self.written_within())
            .saturating_sub(TICK)
    }

    /// The maximum age of audio when it has been written.
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
    fn audio_is_synced_within_the_interval() {
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
