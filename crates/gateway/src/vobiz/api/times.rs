//! Times as the API writes and reads them.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// `2025-11-06 13:49:10.751756+00:00`
pub(super) fn time_text(unix_ms: i64) -> String {
    let format =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00:00");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_default()
}

/// Parses the time of a filter: a date with an optional time of day and offset.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim().replace('T', " ");
    let (day, rest) = text.split_once(' ').unwrap_or((&text, "00:00:00"));
    // An unencoded plus sign in a query is a space.
    let zone = rest.find(['+', '-', ' ', 'Z']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone)?;
    let seconds = if clock.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    let format = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    let local = PrimitiveDateTime::parse(&format!("{day} {clock}{seconds}"), &format).ok()?;
    let offset = match zone {
        "" | "Z" => UtcOffset::UTC,
        zone => {
            let format = format_description!("[offset_hour sign:mandatory]:[offset_minute]");
            UtcOffset::parse(&zone.replace(' ', "+"), &format).ok()?
        }
    };
    let nanos = local.assume_offset(offset).unix_timestamp_nanos();
    i64::try_from(nanos / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn a_written_time_is_parsed_back() {
        let at = 1_762_436_950_751;
        assert_eq!(time_text(at), "2025-11-06 13:49:10.751000+00:00");
        for same in [
            "2025-11-06 13:49:10.751000+00:00",
            "2025-11-06 13:49:10.751000 00:00",
            "2025-11-06T13:49:10.751Z",
            "2025-11-06 13:49:10.751",
            "2025-11-06 15:19:10.75199+01:30",
        ] {
            assert_eq!(parse_time(same), Some(at), "{same}");
        }
        assert_eq!(parse_time("2025-11-06 13:49"), Some(at / 60_000 * 60_000));
        assert_eq!(parse_time("2025-11-06"), Some(at / DAY_MS * DAY_MS));
        for invalid in [
            "",
            "now",
            "2025-13-06",
            "2025-11-06 25:00",
            "2025-11-06 10:00+",
            "é",
            "2025-11-06 é",
        ] {
            assert_eq!(parse_time(invalid), None, "{invalid}");
        }
    }
}
