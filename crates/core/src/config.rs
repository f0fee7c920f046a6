//! The engine's configuration: every key with its default, its check and its meaning.
//!
//! A key is declared once, below. The struct's field, the default, the accepted values, the
//! comment of `rec_config_set` and the table in `docs/configuration.md` are generated from that
//! declaration.

use crate::calls::{RefusalAction, TransferAction};
use crate::config_keys;
use crate::keys::checks::{checked_by, choice, number, text, text_of, zero_or};
use crate::keys::{self, KeyDescription};
use crate::storage::StorageConfig;
use crate::sync::LargePages;
use crate::thread_hooks::ThreadHooks;
use crate::types::{Format, KeepRaw, Layout, PauseMode, Result, format_names, parse_format};

/// Where media time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaClock {
    /// The system's clock.
    Real,
    /// The audio itself, so that replays and tests can run faster than real time.
    Stream,
}

config_keys! {
    /// The configuration of one engine.
    pub struct Config {
        "media.clock" = "real" => clock: MediaClock, choice(&[("real", MediaClock::Real), ("stream", MediaClock::Stream)]),
            "\"real\": the engine uses the system's clock. \"stream\": time advances with the audio that is passed in, so that replays and tests can run faster than real time.";
        "media.reorder_ms" = "60" => reorder_ms: u32, number(0..=1000),
            "How long the engine waits for a late packet before it writes silence in its place, {range} ms.";
        "media.leg_wait_ms" = "2000" => leg_wait_ms: u32, number(100..=60_000),
            "With media.clock \"stream\": how far the audio of one leg may be ahead of the other, {range} ms.";
        "media.workers" = "0" => workers: u32, number(0..=64),
            "Number of media threads, {range}. 0: half the number of cores, at least one.";
        "media.encoders" = "0" => encoders: u32, number(0..=64),
            "Number of threads that encode recordings of compressed formats, {range}. 0: half the number of cores, at least one. Threads that are too slow for their recordings lose nothing, but these recordings end later.";
        "media.overflow_bytes" = "268435456" => overflow_bytes: u64, number(0..=64 << 30),
            "Maximum memory for bursts of audio that exceed a feed's own memory (at least 400 ms), in all feeds together, {range} bytes. In real time, enough for a burst of 5 s on every open feed is allocated in advance, up to this limit.";
        "media.ahead_bytes" = "268435456" => ahead_bytes: u64, number(0..=64 << 30),
            "Maximum audio that feeds with an ahead_ms above 2000 may have ahead of the clock, all together, {range} bytes. A feed that needs more is refused with REC_ERR_LIMIT.";
        "media.lookback_ms" = "0" => lookback_ms: u32, number(0..=600_000),
            "How much of the latest audio of each call is kept in memory, for recordings that begin earlier than they are started (rec_start_options.lookback_ms, rec_call_keep), {range} ms. 0: nothing. Only with media.clock \"real\".";
        "media.lookback_bytes" = "1073741824" => lookback_bytes: u64, number(1 << 20..=64 << 30),
            "Maximum memory for the audio that media.lookback_ms keeps, of all calls together, {range} bytes. If they need more, each call keeps less.";
        "media.silent_ms" = "10000" => silent_ms: u32, number(0..=86_400_000),
            "In real time, when a leg of a connected call has had no decoded audio for this long, REC_EVENT_LEG_SILENT is raised, {range} ms. 0: never.";
        "media.concealment" = "off" => conceals: bool, choice(&[("off", false), ("on", true)]),
            "\"on\": at most 60 ms of each gap that missing packets leave are filled with audio like that before it, and silences that their sender describes (RFC 3389) with noise. \"off\": both are silent.";
        "media.dtmf" = "keep" => masks_dtmf: bool, choice(&[("keep", false), ("mask", true)]),
            "What is recorded while a DTMF digit is keyed in: \"keep\" records the audio as it is, \"mask\" records silence on all legs, from 100 ms before to 100 ms after each tone. docs/timeline.md says how tones are found.";
        "calls.hold_audio" = "keep" => hold_is_silence: bool, choice(&[("keep", false), ("silence", true)]),
            "What is recorded while a call is held: \"keep\" records the audio that is passed in, \"silence\" records silence.";
        "calls.max" = "0" => calls_max: u64, number(0..=u64::MAX),
            "Maximum number of live calls. 0: no limit.";
        "calls.idle_ms" = "14400000" => calls_idle_ms: u64, number(0..=u64::MAX / 2_000_000),
            "A call that has had no media for this many milliseconds is ended, because the host may have forgotten it. 0: never.";
        "consent.required" = "false" => consent_required: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": no audio of a call is recorded before rec_call_info.consent is REC_CONSENT_GIVEN. A recording that starts before waits for it.";
        "consent.on_refusal" = "stop" => on_refusal: RefusalAction, choice(&[("stop", RefusalAction::Stop), ("discard", RefusalAction::Discard)]),
            "What happens to the live recordings of a call when its consent becomes REC_CONSENT_REFUSED: \"stop\" ends them and keeps what they have, \"discard\" deletes it.";
        "recordings.max" = "0" => recordings_max: u64, number(0..=u64::MAX),
            "Maximum number of live recordings. 0: no limit.";
        "recordings.max_per_call" = "16" => recordings_max_per_call: u64, number(0..=u64::MAX),
            "When a call has this many live recordings, callers below level 10 cannot start another one. 0: no limit.";
        "lines.strict" = "false" => lines_strict: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": a line without a policy is not monitorable.";
        "audit.enabled" = "true" => audit: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": every start, pause, resume, stop, discard, download, deletion and refusal is written to the audit log in the storage directory.";
        "recording.format" = "wav" => format: Format, checked_by(format).listing(format_names),
            "Default format of automatic recordings and of HTTP starts that do not specify one: {choices}.";
        "recording.layout" = "stereo" => layout: Layout, text_of(&Layout::ALL, Layout::text),
            "Default layout of automatic recordings and of HTTP starts that do not specify one: {choices}.";
        "recording.pause_mode" = "silence" => pause_mode: PauseMode, text_of(&PauseMode::ALL, PauseMode::text),
            "Default pause mode of automatic recordings and of HTTP starts that do not specify one: {choices}.";
        "recording.pause_max_ms" = "0" => pause_max_ms: u64, number(0..=u64::MAX / 2_000_000),
            "When a recording has been paused for this many milliseconds, REC_EVENT_PAUSE_OVERDUE is raised. The pause does not end. 0: never.";
        "recording.max_duration_ms" = "0" => max_duration_ms: u32, number(0..=u32::MAX.into()),
            "Default maximum duration of automatic recordings and of HTTP starts that do not specify one, {range} ms. 0: no limit.";
        "recording.sample_rate" = "0" => sample_rate: u32, zero_or(8000..=48_000),
            "Sample rate of files, {range} Hz; G.711 files always have 8000 Hz. 0: the rate of the first audio. \"opus\" and \"mp3\" files have the next higher rate that their format has.";
        "recording.tags" = "0" => header_tags: u32, number(0..=1),
            "1: WAV and AU files name the call, its parties and its start before the audio, in a header of 1024 bytes. FLAC, Opus and MP3 files always do. Default of starts without the parameter \"tags\".";
        "recording.flac_level" = "5" => flac_level: u32, number(0..=8),
            "Compression of \"flac\" files of starts that do not specify it, {range}. A higher level makes smaller files and needs more CPU time.";
        "recording.mp3_bitrate" = "0" => mp3_bitrate: u32, zero_or(8000..=320_000),
            "Default bit rate of \"mp3\" files, {range} bit/s; the next higher one that exists at the file's sample rate is used. 0: for each channel, 16000 at 8000 Hz, 32000 at 16000 Hz, 64000 from 32000 Hz on.";
        "recording.keep_raw" = "never" => keep_raw: KeepRaw, text_of(&KeepRaw::ALL, KeepRaw::text),
            "Which RTP packets are kept as they arrived, in a pcapng file beside the recording: {choices}. \"undecodable\": those that neither this build nor a registered codec decodes. Telephone events are never kept. Default of all starts that do not specify it.";
        "recording.opus_bitrate" = "0" => opus_bitrate: u32, zero_or(6000..=256_000),
            "Bits per second of \"opus\" files, {range}. 0: chosen by sample rate and channels. Default of starts without the parameter \"bitrate\".";
        "recording.opus_complexity" = "5" => opus_complexity: u32, number(0..=10),
            "Effort of the encoder for \"opus\" files, {range}. More takes more CPU time and sounds better. Default of starts without the parameter \"complexity\".";
        "recording.opus_dtx" = "0" => opus_dtx: u32, number(0..=1),
            "1: silence takes almost no space in \"opus\" files. Default of starts without the parameter \"dtx\".";
        "recording.on_transfer" = "continue" => on_transfer: TransferAction, choice(&[("continue", TransferAction::Continue), ("stop", TransferAction::Stop), ("new", TransferAction::New)]),
            "What happens to the live recordings of a call that rec_call_update moves to another line: \"continue\": they record the call on its new line. \"stop\": they end. \"new\": they end, and each is followed by a new one with the same options.";
        "recording.url_base" = "" => url_base: String, text(0..=1000),
            "A recording's url is this text followed by \"ID.EXTENSION\", at most {most} bytes.";
    }
    without key {
        /// The keys that begin with `storage`.
        storage: StorageConfig = StorageConfig::default();
        /// Asks the system for large pages.
        large_pages: LargePages = |_| {};
        /// What the host does on each thread.
        thread_hooks: ThreadHooks = ThreadHooks::default();
        /// Whether the system currently refuses memory.
        is_memory_short: fn() -> bool = || false;
        /// Fails with `LIMIT` if the system cannot give this many bytes.
        require_memory: fn(u64) -> Result<()> = |_| Ok(());
    }
}

impl Config {
    /// All keys, in the order in which they are documented.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        StorageConfig::described().into_iter().chain(Config::described())
    }

    /// The names of all keys.
    pub fn key_names() -> impl Iterator<Item = &'static str> {
        let storage = StorageConfig::KEYS.iter().map(|key| key.name);
        storage.chain(Config::KEYS.iter().map(|key| key.name))
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let known = self.set_known(name, value);
        known.unwrap_or_else(|| Err(keys::no_such_key(name, &mut Config::key_names())))
    }

    /// Sets a key. Returns `None` if the engine has no such key.
    // A part of a C function would be compiled for speed.
    #[inline(never)]
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        #[cfg(feature = "faults")]
        if name == "faults.panic" {
            self.storage.panic_at = value.to_owned();
            return Some(Ok(()));
        }
        let stored = keys::set_key(&mut self.storage, StorageConfig::KEYS, name, value);
        stored.or_else(|| keys::set_key(self, Config::KEYS, name, value))
    }

    /// The configured value of a parameter of a format's encoder; `None` if no key sets it.
    pub fn encoder_default(&self, format: &str, parameter: &str) -> Option<u32> {
        match (format, parameter) {
            (_, "tags") => Some(self.header_tags).filter(|tags| *tags > 0),
            ("flac", "level") => Some(self.flac_level),
            ("opus", "bitrate") => Some(self.opus_bitrate).filter(|bitrate| *bitrate > 0),
            ("opus", "complexity") => Some(self.opus_complexity),
            ("opus", "dtx") => Some(self.opus_dtx),
            ("mp3", "bitrate") => Some(self.mp3_bitrate).filter(|bitrate| *bitrate > 0),
            _ => None,
        }
    }

    /// Sets keys from a JSON object, flat (`{"media.clock": "stream"}`) or nested
    /// (`{"media": {"clock": "stream"}}`). On an error nothing changes.
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
    fn an_error_names_the_key_and_the_value() {
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
        let error = config.set("storage.dir", "/srv").map_err(|e| e.message);
        assert!(
            matches!(&error, Err(text) if text.ends_with("\"storage.directory\" is one")),
            "{error:?}"
        );
    }

    #[test]
    fn an_error_message_fits_into_a_rec_error() {
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
    fn loading_changes_nothing_on_an_error() {
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
    fn keys_are_the_defaults_of_opus_parameters() {
        let mut config = Config::default();
        let of = |config: &Config| {
            let format = parse_format("opus;dtx=0").expect("a format");
            let format = format.or_defaults(|parameter| config.encoder_default("opus", parameter));
            [0, 1, 2].map(|parameter| format.parameter(parameter))
        };
        assert_eq!(of(&config), [0, 5, 0]);
        for (key, value) in [("bitrate", "32000"), ("complexity", "9"), ("dtx", "1")] {
            assert_eq!(config.set(&format!("recording.opus_{key}"), value), Ok(()));
        }
        assert_eq!(of(&config), [32_000, 9, 0]);
    }

    #[test]
    fn a_bit_rate_is_zero_or_in_its_range() {
        let mut config = Config::default();
        for (key, low, high) in [("opus", 6000, 256_000), ("mp3", 8000, 320_000)] {
            let key = format!("recording.{key}_bitrate");
            let needed = format!("0 or a whole number from {low} to {high} is needed");
            for valid in [0, low, high] {
                assert_eq!(config.set(&key, &valid.to_string()), Ok(()), "{valid}");
            }
            for refused in [1, low - 1, high + 1] {
                let error = config.set(&key, &refused.to_string()).expect_err("out of range");
                assert!(error.message.contains(&needed), "{error:?}");
            }
            for refused in ["", "x", "-1"] {
                let error = config.set(&key, refused).expect_err("no number");
                assert!(error.message.contains(&needed), "{error:?}");
            }
        }
    }

    #[test]
    fn a_key_is_the_default_of_the_level_of_flac() {
        let mut config = Config::default();
        let level = |config: &Config, text: &str| {
            let format = parse_format(text).expect("a format");
            let format = format.or_defaults(|parameter| config.encoder_default("flac", parameter));
            format.parameter(0)
        };
        assert_eq!(level(&config, "flac"), 5);
        assert_eq!(config.set("recording.flac_level", "8"), Ok(()));
        assert_eq!((level(&config, "flac"), level(&config, "flac;level=0")), (8, 0));
        assert!(config.set("recording.flac_level", "9").is_err());
    }

    #[test]
    fn a_key_is_the_default_of_the_tags_of_wav_and_au() {
        let mut config = Config::default();
        let of = |config: &Config, text: &str| {
            let format = parse_format(text).expect("a format");
            let format = format.or_defaults(|parameter| config.encoder_default(format.name(), parameter));
            format.parameters_text()
        };
        assert_eq!(of(&config, "wav-ulaw"), "", "as in version 0.1.0");
        assert_eq!(of(&config, "wav;tags=1"), "tags=1");
        assert_eq!(config.set("recording.tags", "1"), Ok(()));
        for format in ["wav", "wav-ulaw", "au", "au-alaw"] {
            assert_eq!(of(&config, format), "tags=1");
        }
        assert_eq!(of(&config, "wav;tags=0"), "tags=0");
        assert!(config.set("recording.tags", "2").is_err());
    }

    #[test]
    fn a_name_template_accepts_only_known_placeholders() {
        let mut config = Config::default();
        assert!(config.set("storage.name", "{date}/{site}").is_err());
        config.storage.placeholders = crate::storage::Placeholders::new().text("site", "north");
        assert_eq!(config.set("storage.name", "{date}/{site}"), Ok(()));
        assert!(
            config.set("storage.name", "").is_err() && config.set("storage.name", &"a".repeat(501)).is_err()
        );
    }
}
