//! The settings of an engine: every key with its default, its check and its meaning.
//!
//! A key is declared once, below. The struct's field, the default, what a text may be,
//! the comment of `rec_config_set` and the table in `docs/operations.md` come from it.

use crate::config_keys;
use crate::keys::checks::{checked_by, choice, number, text, text_of, zero_or};
use crate::keys::{self, ConfigKey, KeyDescription};
use crate::storage::StorageConfig;
use crate::sync::LargePages;
use crate::types::{Format, Layout, PauseMode, Result, format_names, parse_format};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaClock {
    Real,
    Stream,
}

config_keys! {
    /// The settings of one engine.
    pub struct Config {
        "media.clock" = "real" => clock: MediaClock, choice(&[("real", MediaClock::Real), ("stream", MediaClock::Stream)]),
            "\"real\": time is the wall's; \"stream\": time is the media's own, for replays and tests, faster than real time";
        "media.reorder_ms" = "60" => reorder_ms: u32, number(0..=1000),
            "how long a late packet is waited for, {range} ms";
        "media.leg_wait_ms" = "2000" => leg_wait_ms: u32, number(100..=60_000),
            "stream time: how far one leg may run ahead of the other, {range} ms of media";
        "media.workers" = "0" => workers: u32, number(0..=64),
            "media threads, {range}; 0: half the cores, at least one";
        "media.overflow_bytes" = "268435456" => overflow_bytes: u64, number(0..=64 << 30),
            "memory, shared by all feeds, that takes what a feed's ring cannot hold, {range} bytes; in real time, enough of it is kept ready for a burst of 5 s on every open feed, up to this limit";
        "media.ahead_bytes" = "268435456" => ahead_bytes: u64, number(0..=64 << 30),
            "audio that hosts may write ahead of the clock in all feeds together, {range} bytes; a feed whose ahead_ms does not fit is refused with REC_ERR_LIMIT";
        "media.silent_ms" = "10000" => silent_ms: u32, number(0..=86_400_000),
            "a connected leg without decoded audio for this long raises REC_EVENT_LEG_SILENT once, {range} ms; 0: never";
        "calls.hold_audio" = "keep" => hold_is_silence: bool, choice(&[("keep", false), ("silence", true)]),
            "audio that is fed while its call is held: \"keep\" records it, \"silence\" does not";
        "calls.max" = "0" => calls_max: u64, number(0..=u64::MAX),
            "live calls at most; 0: no limit";
        "calls.idle_ms" = "14400000" => calls_idle_ms: u64, number(0..=u64::MAX / 2_000_000),
            "a call without media for so long has been forgotten, and is ended; 0: never";
        "recordings.max" = "0" => recordings_max: u64, number(0..=u64::MAX),
            "live recordings at most; 0: no limit";
        "recordings.max_per_call" = "16" => recordings_max_per_call: u64, number(0..=u64::MAX),
            "live recordings of one call at which a caller below level 10 may start no more; 0: no limit";
        "lines.strict" = "false" => lines_strict: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": a line without a mark is not monitorable";
        "audit.enabled" = "true" => audit: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": every start, pause, resume, stop, discard, download, deletion and refusal has a line in the storage directory's audit log";
        "recording.format" = "wav" => format: Format, checked_by(format).listing(format_names),
            "of automatic recordings, and of those that an HTTP API starts without a word for it: {choices}";
        "recording.layout" = "stereo" => layout: Layout, text_of(&Layout::ALL, Layout::text),
            "of automatic recordings, and of those that an HTTP API starts without a word for it: {choices}";
        "recording.pause_mode" = "silence" => pause_mode: PauseMode, text_of(&PauseMode::ALL, PauseMode::text),
            "of automatic recordings, and of those that an HTTP API starts without a word for it: {choices}";
        "recording.max_duration_ms" = "0" => max_duration_ms: u32, number(0..=u32::MAX.into()),
            "of automatic recordings, and of those that an HTTP API starts without a word for it, {range} ms; 0: no limit";
        "recording.sample_rate" = "0" => sample_rate: u32, zero_or(8000..=48_000),
            "of every \"wav\" and \"au\" file, {range} Hz; 0: that of the first audio";
        "recording.url_base" = "" => url_base: String, text(0..=1000),
            "put before \"ID.EXTENSION\" to make a recording's url, at most {most} bytes";
    }
    without key {
        /// The keys that begin with `storage`.
        storage: StorageConfig = StorageConfig::default();
        /// How this system is asked for large pages.
        large_pages: LargePages = |_| {};
        /// Whether this system has no more memory to give.
        is_memory_short: fn() -> bool = || false;
    }
}

impl Config {
    /// All keys, in the order of the documents.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        let storage = StorageConfig::KEYS.iter().map(ConfigKey::describe);
        storage.chain(Config::KEYS.iter().map(ConfigKey::describe))
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let known = self.set_known(name, value);
        known.unwrap_or_else(|| Err(keys::no_such_key(name)))
    }

    /// Returns `None` if it is no key of the engine.
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        #[cfg(feature = "faults")]
        if name == "faults.panic" {
            self.storage.panic_at = value.to_owned();
            return Some(Ok(()));
        }
        let stored = keys::set_key(&mut self.storage, StorageConfig::KEYS, name, value);
        stored.or_else(|| keys::set_key(self, Config::KEYS, name, value))
    }

    /// A JSON object, flat (`{"media.clock": "stream"}`) or nested (`{"media": {"clock": "stream"}}`).
    /// All of it is taken, or nothing.
    pub fn load(&mut self, json: &str) -> Result<()> {
        keys::load_json(self, json, Config::set)
    }
}

fn format(text: &str) -> std::result::Result<Format, String> {
    parse_format(text).map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Status;

    #[test]
    fn what_is_wrong_is_named() {
        let mut config = Config::default();
        for (name, value) in [
            ("no.such.key", "1"),
            ("media.reorder_ms", "-1"),
            ("media.clock", "sundial"),
        ] {
            let error = config.set(name, value).map_err(|e| (e.status, e.message));
            assert!(
                matches!(&error, Err((Status::Config, text)) if text.contains(name)),
                "{error:?}"
            );
        }
        let error = config.set("media.clock", "sundial").map_err(|e| e.message);
        assert!(
            matches!(&error, Err(text) if text.contains("sundial")),
            "{error:?}"
        );
    }

    /// Within what a `rec_error` holds, however long the value is.
    #[test]
    fn the_reason_is_never_cut_off() {
        let mut config = Config::default();
        let long = "\n".repeat(600);
        for (name, value, why) in [
            ("recording.format", long.clone(), "are known"),
            ("storage.host", long.clone(), "0 to 255 bytes"),
            (long.as_str(), String::new(), "no such key"),
        ] {
            let error = config.set(name, &value).expect_err("it is wrong");
            assert!(error.message.len() < 440, "{}", error.message);
            assert!(error.message.contains(why), "{}", error.message);
        }
    }

    #[test]
    fn a_file_is_taken_whole_or_not_at_all() {
        let mut config = Config::default();
        let done =
            config.load(r#"{"media": {"clock": "stream"}, "storage.flush_ms": 500, "lines.strict": true}"#);
        assert_eq!(done, Ok(()));
        assert_eq!(
            (config.clock, config.storage.flush_ms, config.lines_strict),
            (MediaClock::Stream, 500, true)
        );
        assert!(config.load(r#"{"storage.flush_ms": 600, "typo": 1}"#).is_err());
        assert_eq!(config.storage.flush_ms, 500);
        assert!(config.load("[]").is_err() && config.load("{").is_err());
    }

    #[test]
    fn what_is_not_built_in_is_said() {
        let mut config = Config::default();
        let error = config.set("recording.format", "opus");
        let error = error.expect_err("not in this build");
        assert!(error.message.contains("not in this build"), "{error}");
    }

    #[test]
    fn a_name_may_contain_only_known_placeholders() {
        let mut config = Config::default();
        assert!(config.set("storage.name", "{date}/{site}").is_err());
        config.storage.placeholders = crate::storage::Placeholders::new().text("site", "north");
        assert_eq!(config.set("storage.name", "{date}/{site}"), Ok(()));
        assert!(
            config.set("storage.name", "").is_err() && config.set("storage.name", &"a".repeat(501)).is_err()
        );
    }
}
