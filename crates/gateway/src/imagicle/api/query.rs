//! Paging and filters of a list of completed recordings. Filters have the "RHS colon" form
//! (`startTime=after:2018-11-01T00:00:00Z`).

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::comparison::Comparison;
use super::parties::{local, remote};
use crate::http::HttpRequest;
use callrec_core::storage::archive::ArchiveEntry;
use callrec_core::text::Text;

/// Maximum number of filters in a request.
const CONDITIONS_MAX: usize = 32;

/// An invalid query: the published reason and a readable message.
#[derive(Debug, PartialEq)]
pub struct QueryError {
    pub reason: i32,
    pub message: String,
}

/// `reason` of an invalid filter.
const FILTERING: i32 = 0;
/// `reason` of an invalid page.
const PAGING: i32 = 1;

const NS_PER_MS: i128 = 1_000_000;

fn query_error(reason: i32, key: &str, value: &str, expected: &str) -> QueryError {
    let message = format!("{key} \"{value}\": {expected}");
    QueryError { reason, message }
}

/// A page of the recordings that meet all conditions.
#[derive(Debug, Default, PartialEq)]
pub struct RecordingQuery {
    pub conditions: Vec<Condition>,
    pub offset: usize,
    /// `None`: all recordings.
    pub limit: Option<usize>,
}

#[derive(Debug, PartialEq)]
pub enum Condition {
    Start(TimeRange),
    End(TimeRange),
    Local(String),
    Remote(String),
    RemotePart(String),
    Owner(Text),
    Direction(i32),
}

/// A range of Unix times in milliseconds; excludes `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    from: i64,
    end: i64,
}

impl TimeRange {
    fn contains(self, ms: i64) -> bool {
        (self.from..self.end).contains(&ms)
    }
}

impl RecordingQuery {
    pub fn matches(&self, entry: &ArchiveEntry) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Start(range) => range.contains(entry.started_at_ms),
            Condition::End(range) => range.contains(entry.ended_at_ms),
            Condition::Local(number) => local(entry) == number,
            Condition::Remote(number) => remote(entry) == number,
            Condition::RemotePart(part) => remote(entry).contains(part.as_str()),
            Condition::Owner(user) => entry.username() == user.as_str(),
            Condition::Direction(direction) => entry.direction == *direction,
        })
    }

    /// Empty parameters are ignored. A filter given several times must match each time.
    pub fn parse(request: &HttpRequest) -> Result<RecordingQuery, QueryError> {
        let mut query = RecordingQuery::default();
        let (mut page, mut size) = (None, None);
        for (key, value) in request.query().filter(|(_, value)| !value.is_empty()) {
            match key.to_ascii_lowercase().as_str() {
                "page" => parse_number(&mut page, &key, &value, 0)?,
                "pagesize" => parse_number(&mut size, &key, &value, 1)?,
                lower => query.conditions.extend(parse_condition(lower, &key, &value)?),
            }
            if query.conditions.len() > CONDITIONS_MAX {
                return Err(query_error(FILTERING, &key, &value, "there are too many filters"));
            }
        }
        query.limit = size;
        // As published, paging needs a page size.
        query.offset = size.map_or(0, |size| page.unwrap_or(0).saturating_mul(size));
        Ok(query)
    }
}

fn parse_number(to: &mut Option<usize>, key: &str, value: &str, least: usize) -> Result<(), QueryError> {
    // Only ASCII digits, since `parse` would accept "+1".
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    // No archive has more recordings than fit into `usize`.
    let parsed = digits.then(|| value.parse().unwrap_or(usize::MAX));
    let parsed = parsed.filter(|number| *number >= least);
    match parsed {
        Some(number) if to.is_none_or(|before| before == number) => *to = Some(number),
        Some(_) => return Err(query_error(PAGING, key, value, "it is given twice")),
        None => {
            return Err(query_error(
                PAGING,
                key,
                value,
                &format!("a number from {least} on is needed"),
            ));
        }
    }
    Ok(())
}

fn parse_condition(lower: &str, key: &str, value: &str) -> Result<Option<Condition>, QueryError> {
    let unsupported = |known: &str| query_error(FILTERING, key, value, known);
    let equal = || match Comparison::parse(value) {
        Comparison::Equals(text) => Ok(text),
        _ => Err(unsupported("equals: is the only operator here")),
    };
    Ok(Some(match lower {
        "starttime" => Condition::Start(parse_time_filter(key, value)?),
        "endtime" => Condition::End(parse_time_filter(key, value)?),
        "localpartynumber" => Condition::Local(restore_plus(&equal()?)),
        "remotepartynumber" | "remoteparty" => match Comparison::parse(value) {
            Comparison::Equals(number) => Condition::Remote(restore_plus(&number)),
            Comparison::Contains(part) => Condition::RemotePart(restore_plus(&part)),
            _ => return Err(unsupported("equals: and contains: are known here")),
        },
        "ownerusername" => Condition::Owner(super::name(&equal()?)),
        "direction" => match equal()?.as_str() {
            "0" => Condition::Direction(0),
            "1" => Condition::Direction(1),
            "2" => Condition::Direction(2),
            _ => return Err(unsupported("0, 1 and 2 are known")),
        },
        // Unknown parameters are ignored.
        _ => return Ok(None),
    }))
}

/// The published examples have an unencoded `+` in the query, which is decoded as a space.
fn restore_plus(number: &str) -> String {
    number.replace(' ', "+")
}

fn parse_time_filter(key: &str, value: &str) -> Result<TimeRange, QueryError> {
    parse_range(&Comparison::parse(value)).ok_or_else(|| {
        query_error(
            FILTERING,
            key,
            value,
            "a time as 2018-11-01T00:00:00Z is needed, behind after: or before:, or two behind between: with a semicolon",
        )
    })
}

fn parse_range(comparison: &Comparison) -> Option<TimeRange> {
    let (from, end) = match comparison {
        Comparison::Equals(text) => {
            let floor_ms = floor_ms(text)?;
            (floor_ms, floor_ms.saturating_add(1))
        }
        Comparison::After(text) => (floor_ms(text)?.saturating_add(1), i64::MAX),
        Comparison::Before(text) => (i64::MIN, ceil_ms(text)?),
        Comparison::Between(limits) => match limits.as_slice() {
            [lower, upper] => (ceil_ms(lower)?, ceil_ms(upper)?),
            [both] => comma_limits(both)?,
            _ => return None,
        },
        Comparison::Contains(_) => return None,
    };
    Some(TimeRange { from, end })
}

/// The two limits in the form of version 0.1.0. A comma may also precede the fraction of seconds,
/// but only at the separating comma are both sides valid times.
fn comma_limits(both: &str) -> Option<(i64, i64)> {
    both.match_indices(',').find_map(|(at, comma)| {
        let (lower, upper) = (&both[..at], &both[at + comma.len()..]);
        Some((ceil_ms(lower)?, ceil_ms(upper)?))
    })
}

/// The time in milliseconds, rounded down; `ceil_ms` rounds up.
pub fn floor_ms(text: &str) -> Option<i64> {
    i64::try_from(nanoseconds(text)?.div_euclid(NS_PER_MS)).ok()
}

fn ceil_ms(text: &str) -> Option<i64> {
    i64::try_from(-(-nanoseconds(text)?).div_euclid(NS_PER_MS)).ok()
}

/// Parses ISO 8601 to nanoseconds of Unix time. The default zone is UTC, the default time midnight.
fn nanoseconds(text: &str) -> Option<i128> {
    // An unencoded `+` of a zone arrives as a space.
    let text = text.trim().replace(' ', "+");
    let zoned = || {
        let rfc3339 = OffsetDateTime::parse(&text, &Rfc3339);
        rfc3339.or_else(|_| OffsetDateTime::parse(&text, &Iso8601::DEFAULT))
    };
    let timed = || PrimitiveDateTime::parse(&text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc);
    let dated = || Date::parse(&text, &Iso8601::DEFAULT).map(|date| date.midnight().assume_utc());
    let at = zoned().or_else(|_| timed()).or_else(|_| dated()).ok()?;
    Some(at.unix_timestamp_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::net::IpAddr;

    fn parse(query: &str) -> Result<RecordingQuery, QueryError> {
        let request = http::Request::builder().uri(format!("/Recordings?{query}"));
        RecordingQuery::parse(&HttpRequest {
            inner: request.body(Bytes::new()).expect("a request"),
            client_address: IpAddr::from([127, 0, 0, 1]),
        })
    }

    fn parse_one(text: &str) -> Condition {
        let mut query = parse(text).expect("a valid query");
        assert_eq!(query.conditions.len(), 1, "{text}");
        query.conditions.remove(0)
    }

    const NOVEMBER: i64 = 1_541_030_400_000;

    #[test]
    fn every_time_format_is_parsed() {
        for text in [
            "2018-11-01T00:00:00Z",
            "2018-11-01T00:00:00.0000000Z",
            "2018-11-01T00:00:00",
            "2018-11-01T00:00:00.0000000",
            "2018-11-01T00:00",
            "2018-11-01T02:00:00+02:00",
            "2018-11-01T02:00:00 02:00",
            "2018-11-01",
        ] {
            assert_eq!(floor_ms(text), Some(NOVEMBER), "{text}");
        }
        assert_eq!(floor_ms("2018-11-01T00:00:00.1230000Z"), Some(NOVEMBER + 123));
        for text in ["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"] {
            assert!(floor_ms(text).is_some(), "{text}");
        }
        for text in ["", "now", "2018-13-01", "2018-11-01T25:00:00Z", "1541030400"] {
            assert_eq!(floor_ms(text), None, "{text}");
        }
    }

    fn range(from: i64, end: i64) -> Condition {
        Condition::Start(TimeRange { from, end })
    }

    #[test]
    fn every_time_operator_is_parsed() {
        let at = "2018-11-01T00:00:00Z";
        assert_eq!(
            parse_one(&format!("startTime={at}")),
            range(NOVEMBER, NOVEMBER + 1)
        );
        assert_eq!(
            parse_one(&format!("startTime=equals:{at}")),
            range(NOVEMBER, NOVEMBER + 1)
        );
        assert_eq!(
            parse_one(&format!("startTime=after:{at}")),
            range(NOVEMBER + 1, i64::MAX)
        );
        assert_eq!(
            parse_one(&format!("STARTTIME=Before:{at}")),
            range(i64::MIN, NOVEMBER)
        );
        for invalid in [
            "after:",
            "between:2018-11-01",
            "between:2018-11-01;",
            "between:;2018-11-01",
            "between:2018-11-01;2018-11-02;2018-11-03",
            "between:2018-11-01%5C;2018-11-02",
            "between:2018-11-01,2018-11-02,2018-11-03",
            "contains:2018",
            "since:2018-11-01",
            "x",
        ] {
            let refused = parse(&format!("startTime={invalid}")).expect_err(invalid);
            assert_eq!(refused.reason, FILTERING, "{}", refused.message);
        }
    }

    #[test]
    fn between_includes_the_lower_limit_and_excludes_the_upper() {
        let at = "2018-11-01T00:00:00Z";
        for limits in [
            "2018-11-01T00:00:00Z;2018-11-01T00:00:01Z",
            "2018-11-01T00:00:00Z%3B2018-11-01T00:00:01Z",
            "2018-11-01;2018-11-01T00:00:01",
            // The form of version 0.1.0, with a comma.
            "2018-11-01T00:00:00Z,2018-11-01T00:00:01Z",
            "2018-11-01T00:00:00,0Z,2018-11-01T00:00:01,0Z",
        ] {
            let condition = parse_one(&format!("startTime=between:{limits}"));
            assert_eq!(condition, range(NOVEMBER, NOVEMBER + 1000), "{limits}");
        }
        let Condition::Start(range) = parse_one(&format!("startTime=between:{at};2018-11-01T00:00:00.002Z"))
        else {
            panic!("not of the start");
        };
        let inside =
            [NOVEMBER - 1, NOVEMBER, NOVEMBER + 1, NOVEMBER + 2].map(|floor_ms| range.contains(floor_ms));
        assert_eq!(inside, [false, true, true, false]);
    }

    /// Recordings begin at whole milliseconds.
    #[test]
    fn a_limit_within_a_millisecond_is_rounded_up() {
        let (within, later) = ("2018-11-01T00:00:00.0015000Z", "2018-11-01T00:00:00.0025000Z");
        for (value, expected) in [
            (
                format!("between:{within};{later}"),
                range(NOVEMBER + 2, NOVEMBER + 3),
            ),
            (format!("before:{within}"), range(i64::MIN, NOVEMBER + 2)),
            (format!("after:{within}"), range(NOVEMBER + 2, i64::MAX)),
        ] {
            assert_eq!(parse_one(&format!("startTime={value}")), expected, "{value}");
        }
    }

    #[test]
    fn numbers_names_and_directions_are_parsed() {
        assert_eq!(parse_one("localPartyNumber=225"), Condition::Local("225".into()));
        let part = Condition::RemotePart("+39".into());
        assert_eq!(parse_one("remotePartyNumber=contains:+39"), part);
        assert_eq!(parse_one("remoteParty=contains:%2B39"), part);
        assert_eq!(parse_one("remoteParty=+39"), Condition::Remote("+39".into()));
        assert_eq!(
            parse_one("ownerUsername=john_doe"),
            Condition::Owner("john_doe".into())
        );
        assert_eq!(parse_one("direction=equals:2"), Condition::Direction(2));
        for (value, name) in [(r"A\user", r"A\user"), (r"A\\user", r"A\user"), (r"a\;b", "a;b")] {
            let expected = Condition::Owner(name.into());
            assert_eq!(parse_one(&format!("ownerUsername={value}")), expected);
            assert_eq!(parse_one(&format!("ownerUsername=equals:{value}")), expected);
        }
        let part = Condition::RemotePart(r"1;2\3".into());
        assert_eq!(parse_one(r"remoteParty=contains:1\;2\\3"), part);
        for other in [
            "ownerUsername=contains:a",
            "localPartyNumber=contains:1",
            "remoteParty=after:1",
            "direction=between:1;2",
        ] {
            assert_eq!(parse(other).expect_err(other).reason, FILTERING, "{other}");
        }
        assert_eq!(parse("direction=3").expect_err("3").reason, FILTERING);
        assert_eq!(parse("ownerUsername=&other=1"), Ok(RecordingQuery::default()));
        let many = "localPartyNumber=1&".repeat(CONDITIONS_MAX + 1);
        assert_eq!(parse(&many).expect_err("too many").reason, FILTERING);
    }

    #[test]
    fn pages_count_from_zero() {
        let page = |query| parse(query).map(|query| (query.offset, query.limit));
        assert_eq!(page(""), Ok((0, None)));
        assert_eq!(page("page=2&pageSize=25"), Ok((50, Some(25))));
        assert_eq!(page("pageSize=25"), Ok((0, Some(25))));
        assert_eq!(page("page=0"), Ok((0, None)));
        assert_eq!(page("page=1"), Ok((0, None)), "without a size there are no pages");
        for invalid in [
            "page=-1",
            "page=x",
            "pageSize=0",
            "pageSize=%2B1",
            "page=1&page=2",
        ] {
            assert_eq!(parse(invalid).expect_err(invalid).reason, PAGING, "{invalid}");
        }
        // A number that does not fit into `usize`.
        assert_eq!(page("pageSize=99999999999999999999"), Ok((0, Some(usize::MAX))));
        let far = page(&format!("page={0}&pageSize={0}", usize::MAX));
        assert_eq!(far, Ok((usize::MAX, Some(usize::MAX))));
    }
}
