//! A live recording as one JSON object in Redis.

use std::sync::Arc;

use callrec_core::calls::{CallInfo, Filter, Key, Readings, RecordingSpec, RecordingView};
use callrec_core::clock::unix_ms;
use callrec_core::text::Text;
use callrec_core::types::{AudioSpec, Format, KeepRaw, Layout, PauseMode, RecordingState, Status};
use serde_json::{Value, json};
use uuid::Uuid;

use super::shared_registry::{RegistryRow, RowUpdate};

/// Longer values are cut in the indexes, so that a filter compares them after the look-up.
const INDEX_MAX: usize = 200;

/// The name of an index. The keys of Redis contain it, so it never changes.
fn index_name(key: Key) -> &'static str {
    match key {
        Key::Device => "d",
        Key::Number => "n",
        Key::User => "u",
        Key::NumericUser => "i",
        Key::Call => "c",
        Key::SwitchCall => "s",
    }
}

fn index(key: Key, value: &Text) -> String {
    let mut end = value.as_str().len().min(INDEX_MAX);
    while !value.as_str().is_char_boundary(end) {
        end -= 1;
    }
    format!("{}:{}", index_name(key), &value.as_str()[..end])
}

/// The indexes that contain every recording that a filter matches.
pub fn indexes_of_filter(filter: &Filter) -> Vec<String> {
    let named = Key::ALL.into_iter().map(|key| (key, filter.field(key)));
    let given = named.filter(|(_, value)| !value.is_empty());
    given.map(|(key, value)| index(key, value)).collect()
}

fn indexes_of_call(info: &CallInfo) -> Vec<String> {
    let all = Key::ALL.into_iter();
    let values = all.flat_map(|key| info.keys(key).map(move |value| (key, value)));
    let given = values.filter(|(_, value)| !value.is_empty());
    given.map(|(key, value)| index(key, value)).collect()
}

/// How many characters of a place stand before the recording's id.
const PLACE_PREFIX: usize = 24;

/// The place of a recording among all of them, sorted by the start. Recordings of one node that
/// start in the same millisecond are in their order.
pub fn place_of(view: &RecordingView) -> String {
    let started = u64::try_from(view.started_at_ms).unwrap_or_default();
    let order = view.order & 0xffff_ffff;
    format!("{started:016x}{order:08x}{}", view.id.as_hyphenated())
}

pub fn row_of(view: &RecordingView) -> RowUpdate {
    let audio = &view.spec.audio;
    let call = serde_json::to_value(view.info.to_manifest()).unwrap_or_default();
    let json = json!({
        "v": 1,
        "state": view.state as i32,
        "order": view.order,
        "call_number": view.call,
        "format": audio.format.name(),
        "parameters": audio.format.parameters_text(),
        "layout": audio.layout as i32,
        "pause_mode": audio.pause_mode as i32,
        "max_duration_ms": audio.max_duration_ms,
        "rate": view.readings.rate,
        "flags": view.spec.flags,
        "lookback_ms": view.spec.lookback_ms,
        "url": view.url.as_str(),
        "held": view.held,
        "started_at_ms": view.started_at_ms,
        "duration_ms": view.readings.duration_ms,
        "paused_ms": view.readings.paused_ms,
        "lost_ms": view.readings.lost_ms,
        "bytes": view.readings.bytes,
        "read_at_ms": unix_ms(),
        "call_state": view.info.state as i32,
        "call": call,
    });
    RowUpdate {
        place: place_of(view),
        json: json.to_string(),
        indexes: indexes_of_call(&view.info).join("\0"),
    }
}

/// The recording of a row. `None` if the row is damaged, or from a version that this one does not
/// know.
pub fn view_of(row: &RegistryRow) -> Option<RecordingView> {
    let id = Uuid::try_parse(row.place.get(PLACE_PREFIX..)?).ok()?;
    let json: Value = serde_json::from_str(&row.json).ok()?;
    if json["v"] != 1 {
        return None;
    }
    let number = |name: &str| json[name].as_u64();
    let state = number("state")?;
    let state = RecordingState::ALL
        .into_iter()
        .find(|known| *known as u64 == state)?;
    let info = Arc::new(call_of(&json));
    Some(RecordingView {
        id,
        order: number("order")?,
        call: number("call_number")?,
        previous: None,
        first_info: info.clone(),
        state,
        end_reason: None,
        error: Status::Ok,
        spec: spec_of(&json)?,
        info,
        url: Text::new(json["url"].as_str()?),
        path: Text::default(),
        digest: Text::default(),
        raw: Default::default(),
        held: json["held"].as_bool()?,
        started_at_ms: json["started_at_ms"].as_i64()?,
        ended_at_ms: 0,
        ended: 0,
        readings: readings_of(&json, state),
        node: Text::new(&row.node),
        is_unreachable: !row.is_reachable,
    })
}

fn call_of(json: &Value) -> CallInfo {
    let mut info = CallInfo::from_json(&json["call"].to_string());
    info.state = match json["call_state"].as_u64() {
        Some(2) => callrec_core::calls::CallState::Held,
        Some(3) => callrec_core::calls::CallState::Alerting,
        _ => callrec_core::calls::CallState::Connected,
    };
    info
}

fn spec_of(json: &Value) -> Option<RecordingSpec> {
    let small = |name: &str| json[name].as_u64().and_then(|number| u32::try_from(number).ok());
    let format = Format::named(json["format"].as_str()?)?;
    let parameters = json["parameters"].as_str()?;
    let (layout, pause_mode) = (small("layout")?, small("pause_mode")?);
    let mut spec = RecordingSpec::new(AudioSpec {
        layout: Layout::ALL.into_iter().find(|known| *known as u32 == layout)?,
        format: format.with_parameters(parameters).unwrap_or(format),
        pause_mode: PauseMode::ALL
            .into_iter()
            .find(|known| *known as u32 == pause_mode)?,
        max_duration_ms: small("max_duration_ms")?,
        rate: small("rate")?,
    });
    spec.flags = small("flags")?;
    spec.lookback_ms = small("lookback_ms")?;
    spec.keep_raw = KeepRaw::Never;
    Some(spec)
}

/// The readings as they were written. The duration of a recording that is not paused grows with
/// the clock.
fn readings_of(json: &Value, state: RecordingState) -> Readings {
    let number = |name: &str| json[name].as_u64().unwrap_or_default();
    let since = unix_ms().saturating_sub(json["read_at_ms"].as_i64().unwrap_or(i64::MAX));
    let grown = match state {
        RecordingState::Recording => u64::try_from(since).unwrap_or_default(),
        _ => 0,
    };
    Readings {
        rate: u32::try_from(number("rate")).unwrap_or_default(),
        duration_ms: number("duration_ms").saturating_add(grown),
        paused_ms: number("paused_ms"),
        lost_ms: number("lost_ms"),
        bytes: number("bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> RecordingView {
        let mut spec = RecordingSpec::new(AudioSpec {
            layout: Layout::Mono,
            format: Format::named("wav-ulaw").expect("a format"),
            pause_mode: PauseMode::Skip,
            max_duration_ms: 7,
            rate: 0,
        });
        spec.flags = 3;
        let info = Arc::new(CallInfo {
            call_id: "c-1".into(),
            related_ids: Arc::new(vec!["c-2".into()]),
            device_name: "SEP1".into(),
            username: "ann".into(),
            ..CallInfo::default()
        });
        RecordingView {
            id: Uuid::from_u128(5),
            order: 9,
            call: 4,
            previous: None,
            first_info: info.clone(),
            state: RecordingState::Paused,
            end_reason: None,
            error: Status::Ok,
            spec,
            info,
            url: "http://a/b".into(),
            path: Text::default(),
            digest: Text::default(),
            raw: Default::default(),
            held: true,
            started_at_ms: 1_700_000_000_000,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings {
                rate: 8000,
                duration_ms: 60,
                paused_ms: 20,
                lost_ms: 1,
                bytes: 99,
            },
            node: Text::default(),
            is_unreachable: false,
        }
    }

    fn row(update: RowUpdate) -> RegistryRow {
        RegistryRow {
            place: update.place,
            node: "n1".to_owned(),
            is_reachable: false,
            json: update.json,
        }
    }

    #[test]
    fn a_recording_is_the_same_on_the_other_side() {
        let (mine, update) = (view(), row_of(&view()));
        let indexes: Vec<&str> = update.indexes.split('\0').collect();
        assert_eq!(indexes, ["d:SEP1", "u:ann", "c:c-1", "c:c-2"]);
        let theirs = view_of(&row(update)).expect("readable");
        assert_eq!((theirs.node.as_str(), theirs.is_unreachable), ("n1", true));
        assert_eq!(theirs.readings, mine.readings);
        let same = RecordingView {
            node: Text::default(),
            is_unreachable: false,
            spec: RecordingSpec {
                audio: AudioSpec {
                    rate: 0,
                    ..theirs.spec.audio
                },
                ..theirs.spec.clone()
            },
            ..theirs
        };
        assert_eq!(format!("{same:?}"), format!("{mine:?}"));
    }

    #[test]
    fn a_foreign_row_is_no_recording() {
        let good = row(row_of(&view()));
        for json in [
            "",
            "{}",
            "[1]",
            "{\"v\":2}",
            &good.json.replace("\"state\":2", "\"state\":77"),
        ] {
            let json = json.to_owned();
            assert!(view_of(&RegistryRow { json, ..good.clone() }).is_none());
        }
        for place in ["", "short", "000000000000000000000000not-an-id"] {
            let place = place.to_owned();
            assert!(
                view_of(&RegistryRow {
                    place,
                    ..good.clone()
                })
                .is_none()
            );
        }
    }

    #[test]
    fn places_sort_by_the_start() {
        let place = |started_at_ms, order, id| {
            place_of(&RecordingView {
                started_at_ms,
                order,
                id: Uuid::from_u128(id),
                ..view()
            })
        };
        assert!(place(999, 9, 9) < place(1000, 1, 1));
        assert!(place(1000, 1, 9) < place(1000, 2, 1));
        assert_eq!(place(-1, 1, 1), place(0, 1, 1));
    }
}
