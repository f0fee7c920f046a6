//! Every key, its default, its check. The header's text and `docs/operations.md`
//! repeat the table, and tests compare them.

pub mod callbacks;
mod gateway;

pub use gateway::GatewayConfig;

use serde_json::Value;

use crate::sync::LargePages;
use crate::text::{brief, one_line};
use crate::words::{Error, Format, Layout, PauseMode, Result, Status, parse_format};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Real,
    Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Process,
    Finish,
}

/// The settings of one engine.
#[derive(Clone, Debug)]
pub struct Config {
    pub directory: String,
    pub name: String,
    pub host: String,
    pub flush_ms: u32,
    pub durability: Durability,
    pub digest: bool,
    pub backlog_ms: u32,
    pub backlog_bytes: u64,
    pub max_open_files: u32,
    pub min_free_bytes: u64,
    pub clock: Clock,
    pub reorder_ms: u32,
    pub leg_wait_ms: u32,
    pub workers: u32,
    /// No key: how this system is asked for large pages.
    pub large_pages: LargePages,
    pub overflow_bytes: u64,
    pub ahead_bytes: u64,
    pub silent_ms: u32,
    pub hold_is_silence: bool,
    pub calls_max: u64,
    pub calls_idle_ms: u64,
    pub recordings_max: u64,
    pub recordings_max_per_call: u64,
    pub lines_strict: bool,
    pub format: Format,
    pub layout: Layout,
    pub pause_mode: PauseMode,
    pub max_duration_ms: u32,
    pub sample_rate: u32,
    pub url_base: String,
    pub gateway: GatewayConfig,
    #[cfg(feature = "faults")]
    pub panic_at: String,
}

/// One key: its name, default, meaning, and how text becomes the setting.
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
    set: fn(&mut Config, &str) -> std::result::Result<(), String>,
}

pub const DEFAULT_NAME: &str = "{date}_{time}_{id}";

/// All of them, in the order of the documents.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(gateway::KEYS)
}

const KEYS: &[Key] = &[
    Key {
        name: "storage.directory",
        default: "recordings",
        meaning: "where files go, 1 to 3000 bytes; made if it is not there; one engine at a time holds it",
        set: |c, v| text(v, 1, 3000).map(|v| c.directory = v),
    },
    Key {
        name: "storage.name",
        default: DEFAULT_NAME,
        meaning: "template of a file's name without its extension, at most 500 bytes: {id} {call_id} {device} {number} {user} {remote} {ani} {dnis} {date} {time} {host} {contact_center} {layout} {attr:KEY} {gsip_rec_fn} {gsip_host}; \"/\" makes directories",
        set: |c, v| {
            crate::storage::Template::parse(v)?;
            text(v, 1, 500).map(|v| c.name = v)
        },
    },
    Key {
        name: "storage.host",
        default: "",
        meaning: "the {host} of a name, at most 255 bytes",
        set: |c, v| text(v, 0, 255).map(|v| c.host = v),
    },
    Key {
        name: "storage.flush_ms",
        default: "700",
        meaning: "how often a recording's audio goes to its file, 100 to 10000 ms",
        set: |c, v| number(v, 100, 10_000).map(|v| c.flush_ms = v as u32),
    },
    Key {
        name: "storage.durability",
        default: "finish",
        meaning: "\"process\" never syncs; \"finish\" syncs what is published before its terminal event; \"power\" is not in this build",
        set: set_durability,
    },
    Key {
        name: "storage.digest",
        default: "sha256",
        meaning: "\"sha256\" or \"none\", of the finished file, in its manifest",
        set: |c, v| choice(v, &["sha256", "none"]).map(|v| c.digest = v == 0),
    },
    Key {
        name: "storage.backlog_ms",
        default: "15000",
        meaning: "audio of one recording that may wait for a slow disk, 1000 to 600000 ms; beyond it blocks are dropped and counted",
        set: |c, v| number(v, 1000, 600_000).map(|v| c.backlog_ms = v as u32),
    },
    Key {
        name: "storage.backlog_bytes",
        default: "536870912",
        meaning: "the same for all recordings together, at least 1048576 bytes",
        set: |c, v| number(v, 1 << 20, u64::MAX).map(|v| c.backlog_bytes = v),
    },
    Key {
        name: "storage.max_open_files",
        default: "0",
        meaning: "how many recordings keep their file open, 0 to 1000000; beyond it each block is open-append-close; 0: half of the process's soft limit",
        set: |c, v| number(v, 0, 1_000_000).map(|v| c.max_open_files = v as u32),
    },
    Key {
        name: "storage.min_free_bytes",
        default: "104857600",
        meaning: "below so much free room no recording is started (REC_ERR_NO_SPACE)",
        set: |c, v| number(v, 0, u64::MAX).map(|v| c.min_free_bytes = v),
    },
    Key {
        name: "media.clock",
        default: "real",
        meaning: "\"real\": time is the wall's; \"stream\": time is the media's own, for replays and tests, faster than real time",
        set: |c, v| choice(v, &["real", "stream"]).map(|v| c.clock = [Clock::Real, Clock::Stream][v]),
    },
    Key {
        name: "media.reorder_ms",
        default: "60",
        meaning: "how long a late packet is waited for, 0 to 1000 ms",
        set: |c, v| number(v, 0, 1000).map(|v| c.reorder_ms = v as u32),
    },
    Key {
        name: "media.leg_wait_ms",
        default: "2000",
        meaning: "stream time: how far one leg may run ahead of the other, 100 to 60000 ms of media",
        set: |c, v| number(v, 100, 60_000).map(|v| c.leg_wait_ms = v as u32),
    },
    Key {
        name: "media.workers",
        default: "0",
        meaning: "media threads, 0 to 64; 0: half the cores, at least one",
        set: |c, v| number(v, 0, 64).map(|v| c.workers = v as u32),
    },
    Key {
        name: "media.overflow_bytes",
        default: "268435456",
        meaning: "memory, shared by all feeds, that takes what a feed's ring cannot hold, 0 to 68719476736 bytes; in real time, enough of it is kept ready for a burst of 5 s on every open feed, up to this limit",
        set: |c, v| number(v, 0, 64 << 30).map(|v| c.overflow_bytes = v),
    },
    Key {
        name: "media.ahead_bytes",
        default: "268435456",
        meaning: "audio that hosts may write ahead of the clock in all feeds together, 0 to 68719476736 bytes; a feed whose ahead_ms does not fit is refused with REC_ERR_LIMIT",
        set: |c, v| number(v, 0, 64 << 30).map(|v| c.ahead_bytes = v),
    },
    Key {
        name: "media.silent_ms",
        default: "10000",
        meaning: "a connected leg without decoded audio for this long raises REC_EVENT_LEG_SILENT once, 0 to 86400000 ms; 0: never",
        set: |c, v| number(v, 0, 86_400_000).map(|v| c.silent_ms = v as u32),
    },
    Key {
        name: "calls.hold_audio",
        default: "keep",
        meaning: "audio that is fed while its call is held: \"keep\" records it, \"silence\" does not",
        set: |c, v| choice(v, &["keep", "silence"]).map(|v| c.hold_is_silence = v == 1),
    },
    Key {
        name: "calls.max",
        default: "0",
        meaning: "live calls at most; 0: no limit",
        set: |c, v| number(v, 0, u64::MAX).map(|v| c.calls_max = v),
    },
    Key {
        name: "calls.idle_ms",
        default: "14400000",
        meaning: "a call without media for so long has been forgotten, and is ended; 0: never",
        set: |c, v| number(v, 0, u64::MAX / 2_000_000).map(|v| c.calls_idle_ms = v),
    },
    Key {
        name: "recordings.max",
        default: "0",
        meaning: "live recordings at most; 0: no limit",
        set: |c, v| number(v, 0, u64::MAX).map(|v| c.recordings_max = v),
    },
    Key {
        name: "recordings.max_per_call",
        default: "16",
        meaning: "live recordings of one call at which a caller below level 10 may start no more; 0: no limit",
        set: |c, v| number(v, 0, u64::MAX).map(|v| c.recordings_max_per_call = v),
    },
    Key {
        name: "lines.strict",
        default: "false",
        meaning: "\"true\": a line without a mark is not monitorable",
        set: |c, v| choice(v, &["false", "true"]).map(|v| c.lines_strict = v == 1),
    },
    Key {
        name: "recording.format",
        default: "wav",
        meaning: "of automatic recordings, and of those that an HTTP API starts without a word for it: \"wav\", \"wav-ulaw\", \"wav-alaw\"",
        set: |c, v| parse_format(v).map_err(|e| e.message).map(|v| c.format = v),
    },
    Key {
        name: "recording.layout",
        default: "stereo",
        meaning: "of automatic recordings, and of those that an HTTP API starts without a word for it: \"stereo\", \"mono\", \"local\", \"remote\"",
        set: |c, v| choice(v, &["stereo", "mono", "local", "remote"]).map(|v| c.layout = Layout::ALL[v]),
    },
    Key {
        name: "recording.pause_mode",
        default: "silence",
        meaning: "of automatic recordings, and of those that an HTTP API starts without a word for it: \"silence\" or \"skip\"",
        set: |c, v| choice(v, &["silence", "skip"]).map(|v| c.pause_mode = PauseMode::ALL[v]),
    },
    Key {
        name: "recording.max_duration_ms",
        default: "0",
        meaning: "of automatic recordings, and of those that an HTTP API starts without a word for it, 0 to 4294967295 ms; 0: no limit",
        set: |c, v| number(v, 0, u32::MAX as u64).map(|v| c.max_duration_ms = v as u32),
    },
    Key {
        name: "recording.sample_rate",
        default: "0",
        meaning: "of every \"wav\" file, 8000 to 48000 Hz; 0: that of the first audio",
        set: set_rate,
    },
    Key {
        name: "recording.url_base",
        default: "",
        meaning: "put before \"ID.EXTENSION\" to make a recording's url, at most 1000 bytes",
        set: |c, v| text(v, 0, 1000).map(|v| c.url_base = v),
    },
];

impl Default for Config {
    fn default() -> Config {
        Config {
            directory: "recordings".into(),
            name: DEFAULT_NAME.into(),
            host: String::new(),
            flush_ms: 700,
            durability: Durability::Finish,
            digest: true,
            backlog_ms: 15_000,
            backlog_bytes: 512 << 20,
            max_open_files: 0,
            min_free_bytes: 100 << 20,
            clock: Clock::Real,
            reorder_ms: 60,
            leg_wait_ms: 2000,
            workers: 0,
            large_pages: |_| {},
            overflow_bytes: 256 << 20,
            ahead_bytes: 256 << 20,
            silent_ms: 10_000,
            hold_is_silence: false,
            calls_max: 0,
            calls_idle_ms: 4 * 3600 * 1000,
            recordings_max: 0,
            recordings_max_per_call: 16,
            lines_strict: false,
            format: Format::WAV,
            layout: Layout::Stereo,
            pause_mode: PauseMode::Silence,
            max_duration_ms: 0,
            sample_rate: 0,
            url_base: String::new(),
            gateway: GatewayConfig::default(),
            #[cfg(feature = "faults")]
            panic_at: String::new(),
        }
    }
}

impl Config {
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        #[cfg(feature = "faults")]
        if name == "faults.panic" {
            self.panic_at = value.to_owned();
            return Ok(());
        }
        let Some(key) = keys().find(|key| key.name == name) else {
            return Err(wrong(name, "no such key"));
        };
        (key.set)(self, value).map_err(|why| {
            // A reason may quote the value.
            let (why, value) = (one_line(&why), one_line(value));
            wrong(
                name,
                &format!("{} (value \"{}\")", brief(&why, 220), brief(&value, 80)),
            )
        })
    }

    /// A JSON object, flat (`{"media.clock": "stream"}`) or nested (`{"media": {"clock": "stream"}}`).
    /// All of it is taken, or nothing.
    pub fn load(&mut self, json: &str) -> Result<()> {
        let value: Value =
            serde_json::from_str(json).map_err(|e| Error::new(Status::Config, format!("not JSON: {e}")))?;
        let Value::Object(members) = value else {
            return Err(Error::new(Status::Config, "not a JSON object"));
        };
        let mut next = self.clone();
        for (name, value) in &members {
            next.load_member(name, value, 0)?;
        }
        *self = next;
        Ok(())
    }

    fn load_member(&mut self, name: &str, value: &Value, depth: u32) -> Result<()> {
        match value {
            Value::Object(members) if depth < 4 => {
                for (inner, value) in members {
                    self.load_member(&format!("{name}.{inner}"), value, depth + 1)?;
                }
                Ok(())
            }
            Value::String(text) => self.set(name, text),
            Value::Number(_) | Value::Bool(_) => self.set(name, &value.to_string()),
            _ => Err(wrong(name, "neither text, number, true nor false")),
        }
    }
}

/// Short enough for a `rec_error`, whose message is cut at 511 bytes.
fn wrong(name: &str, why: &str) -> Error {
    let name = one_line(name);
    Error::new(Status::Config, format!("key \"{}\": {why}", brief(&name, 60)))
}

fn set_durability(config: &mut Config, value: &str) -> std::result::Result<(), String> {
    if value == "power" {
        return Err("not in this build, which has process and finish".into());
    }
    let chosen = choice(value, &["process", "finish"])?;
    config.durability = [Durability::Process, Durability::Finish][chosen];
    Ok(())
}

fn set_rate(config: &mut Config, value: &str) -> std::result::Result<(), String> {
    let rate = number(value, 0, 48_000)?;
    if rate != 0 && rate < 8000 {
        return Err("0, or 8000 to 48000".into());
    }
    config.sample_rate = rate as u32;
    Ok(())
}

fn number(value: &str, low: u64, high: u64) -> std::result::Result<u64, String> {
    match value.parse::<u64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ if high == u64::MAX => Err(format!("a whole number of at least {low} is needed")),
        _ => Err(format!("a whole number from {low} to {high} is needed")),
    }
}

fn choice(value: &str, choices: &[&str]) -> std::result::Result<usize, String> {
    let position = choices.iter().position(|choice| *choice == value);
    position.ok_or_else(|| format!("one of {} is needed", choices.join(", ")))
}

fn text(value: &str, low: usize, high: usize) -> std::result::Result<String, String> {
    if (low..=high).contains(&value.len()) && !value.contains('\0') {
        return Ok(value.to_owned());
    }
    Err(format!("{low} to {high} bytes of text are needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_what_the_table_says() {
        let mut set = Config::default();
        for key in keys() {
            let done = set.set(key.name, key.default);
            assert_eq!(done, Ok(()), "{}", key.name);
        }
        assert_eq!(format!("{set:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn the_operators_table_is_this_one() {
        let text = include_str!("../../../docs/operations.md");
        for key in keys() {
            let default = if key.default.is_empty() {
                "empty".into()
            } else {
                format!("`{}`", key.default)
            };
            let row = format!("| `{}` | {default} | {} |", key.name, key.meaning);
            assert!(text.contains(&row), "docs/operations.md lacks: {row}");
        }
    }

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
        let good = "https://example.com,".repeat(30);
        let long = "\n".repeat(600);
        for (name, value, why) in [
            (
                "callbacks.allow",
                format!("{good}nonsense"),
                "\"nonsense\": scheme://",
            ),
            (
                "callbacks.allow",
                format!("http://{long}"),
                "scheme://host:port is needed",
            ),
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
            (config.clock, config.flush_ms, config.lines_strict),
            (Clock::Stream, 500, true)
        );
        assert!(config.load(r#"{"storage.flush_ms": 600, "typo": 1}"#).is_err());
        assert_eq!(config.flush_ms, 500);
        assert!(config.load("[]").is_err() && config.load("{").is_err());
    }
}
