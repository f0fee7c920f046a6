//! Which completed recordings are asked for: paging, and filters in "RHS colon" form
//! (`startTime=after:2018-11-01T00:00:00Z`).

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::parties::{local, remote};
use crate::http::Asked;
use callrec_core::storage::archive::Entry;
use callrec_core::text::Text;

/// Filters of one request at most.
const CONDITIONS: usize = 32;

/// What is wrong with a request: the published reason, and words for a person.
#[derive(Debug, PartialEq)]
pub struct Wrong {
    pub reason: i32,
    pub message: String,
}

/// `reason` of a filter that cannot be read.
const FILTERING: i32 = 0;
/// `reason` of a page that cannot be read.
const PAGING: i32 = 1;

fn wrong(reason: i32, key: &str, value: &str, expected: &str) -> Wrong {
    let message = format!("{key} \"{value}\": {expected}");
    Wrong { reason, message }
}

/// A page of what meets all conditions.
#[derive(Debug, Default, PartialEq)]
pub struct Wanted {
    pub conditions: Vec<Condition>,
    pub offset: usize,
    /// `None`: all of them.
    pub limit: Option<usize>,
}

#[derive(Debug, PartialEq)]
pub enum Condition {
    Start(Span),
    End(Span),
    Local(String),
    Remote(String),
    RemotePart(String),
    Owner(Text),
    Direction(i32),
}

/// Between two moments in Unix milliseconds, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn has(self, moment: i64) -> bool {
        (self.from..=self.to).contains(&moment)
    }
}

impl Wanted {
    pub fn has(&self, entry: &Entry) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Start(span) => span.has(entry.started_at_ms),
            Condition::End(span) => span.has(entry.ended_at_ms),
            Condition::Local(number) => local(entry) == number,
            Condition::Remote(number) => remote(entry) == number,
            Condition::RemotePart(part) => remote(entry).contains(part.as_str()),
            Condition::Owner(user) => entry.username() == user.as_str(),
            Condition::Direction(direction) => entry.direction == *direction,
        })
    }

    /// What is empty is not given; what is given several times must be met each time.
    pub fn read(asked: &Asked) -> Result<Wanted, Wrong> {
        let mut wanted = Wanted::default();
        let (mut page, mut size) = (None, None);
        for (key, value) in asked.query().filter(|(_, value)| !value.is_empty()) {
            match key.to_ascii_lowercase().as_str() {
                "page" => number(&mut page, &key, &value, 0)?,
                "pagesize" => number(&mut size, &key, &value, 1)?,
                lower => wanted.conditions.extend(condition(lower, &key, &value)?),
            }
            if wanted.conditions.len() > CONDITIONS {
                return Err(wrong(FILTERING, &key, &value, "there are too many filters"));
            }
        }
        wanted.limit = size;
        wanted.offset = match size {
            Some(size) => page.unwrap_or(0).saturating_mul(size),
            // All of it is one page.
            None if page.unwrap_or(0) == 0 => 0,
            None => usize::MAX,
        };
        Ok(wanted)
    }
}

fn number(to: &mut Option<usize>, key: &str, value: &str, least: usize) -> Result<(), Wrong> {
    // ASCII digits alone: "+1" would be a number too.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = value.parse().ok().filter(|number| digits && *number >= least);
    match parsed {
        Some(number) if to.is_none_or(|before| before == number) => *to = Some(number),
        Some(_) => return Err(wrong(PAGING, key, value, "it is given twice")),
        None => {
            return Err(wrong(
                PAGING,
                key,
                value,
                &format!("a number from {least} on is needed"),
            ));
        }
    }
    Ok(())
}

fn condition(lower: &str, key: &str, value: &str) -> Result<Option<Condition>, Wrong> {
    Ok(Some(match lower {
        "starttime" => Condition::Start(span(key, value)?),
        "endtime" => Condition::End(span(key, value)?),
        "localpartynumber" => Condition::Local(dialled(equal(value))),
        "remotepartynumber" | "remoteparty" => match operator(value, "contains:") {
            Some(part) => Condition::RemotePart(dialled(part)),
            None => Condition::Remote(dialled(equal(value))),
        },
        "ownerusername" => Condition::Owner(super::name(equal(value))),
        "direction" => match equal(value) {
            "0" => Condition::Direction(0),
            "1" => Condition::Direction(1),
            "2" => Condition::Direction(2),
            _ => return Err(wrong(FILTERING, key, value, "0, 1 and 2 are known")),
        },
        // Whatever else a client sends is none of ours.
        _ => return Ok(None),
    }))
}

/// What stands behind an operator.
fn operator<'a>(value: &'a str, operator: &str) -> Option<&'a str> {
    let (before, behind) = value.split_at_checked(operator.len())?;
    before.eq_ignore_ascii_case(operator).then_some(behind)
}

fn equal(value: &str) -> &str {
    operator(value, "equals:").unwrap_or(value)
}

/// The published examples have a bare `+` in the query, which arrives as a space.
fn dialled(number: &str) -> String {
    number.replace(' ', "+")
}

fn span(key: &str, value: &str) -> Result<Span, Wrong> {
    let at = |text: &str| {
        moment(text).ok_or_else(|| {
            wrong(
                FILTERING,
                key,
                value,
                "a time as 2018-11-01T00:00:00Z is needed, behind after:, before: or between: with a comma",
            )
        })
    };
    if let Some(text) = operator(value, "after:") {
        let from = at(text)?.saturating_add(1);
        return Ok(Span { from, to: i64::MAX });
    }
    if let Some(text) = operator(value, "before:") {
        let to = at(text)?.saturating_sub(1);
        return Ok(Span { from: i64::MIN, to });
    }
    if let Some(text) = operator(value, "between:") {
        let (from, to) = text.split_once(',').unwrap_or((text, ""));
        let (from, to) = (at(from)?, at(to)?);
        return Ok(Span { from, to });
    }
    let moment = at(equal(value))?;
    Ok(Span {
        from: moment,
        to: moment,
    })
}

/// ISO 8601, to the millisecond; without a zone it is UTC, without a time midnight.
pub fn moment(text: &str) -> Option<i64> {
    // The `+` of a zone that was not percent-encoded.
    let text = text.trim().replace(' ', "+");
    let with_zone = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&text, &Iso8601::DEFAULT))
        .ok();
    let at = with_zone
        .or_else(|| {
            Some(
                PrimitiveDateTime::parse(&text, &Iso8601::DEFAULT)
                    .ok()?
                    .assume_utc(),
            )
        })
        .or_else(|| {
            Some(
                Date::parse(&text, &Iso8601::DEFAULT)
                    .ok()?
                    .midnight()
                    .assume_utc(),
            )
        })?;
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::net::IpAddr;

    fn read(query: &str) -> Result<Wanted, Wrong> {
        let request = http::Request::builder().uri(format!("/Recordings?{query}"));
        Wanted::read(&Asked {
            request: request.body(Bytes::new()).expect("a request"),
            source: IpAddr::from([127, 0, 0, 1]),
        })
    }

    fn one(query: &str) -> Condition {
        let mut wanted = read(query).expect("it is right");
        assert_eq!(wanted.conditions.len(), 1, "{query}");
        wanted.conditions.remove(0)
    }

    const NOVEMBER: i64 = 1_541_030_400_000;

    #[test]
    fn moments_in_all_their_forms() {
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
            assert_eq!(moment(text), Some(NOVEMBER), "{text}");
        }
        assert_eq!(moment("2018-11-01T00:00:00.1230000Z"), Some(NOVEMBER + 123));
        for text in ["", "now", "2018-13-01", "2018-11-01T25:00:00Z", "1541030400"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn each_operator_of_a_time() {
        let span = |from, to| Condition::Start(Span { from, to });
        let at = "2018-11-01T00:00:00Z";
        assert_eq!(one(&format!("startTime={at}")), span(NOVEMBER, NOVEMBER));
        assert_eq!(
            one(&format!("startTime=after:{at}")),
            span(NOVEMBER + 1, i64::MAX)
        );
        assert_eq!(
            one(&format!("STARTTIME=Before:{at}")),
            span(i64::MIN, NOVEMBER - 1)
        );
        let between = format!("endTime=between:{at},2018-11-01T00:00:01Z");
        let expected = Span {
            from: NOVEMBER,
            to: NOVEMBER + 1000,
        };
        assert_eq!(one(&between), Condition::End(expected));
        for bad in ["after:", "between:2018-11-01", "since:2018-11-01", "x"] {
            let refused = read(&format!("startTime={bad}")).expect_err(bad);
            assert_eq!(refused.reason, FILTERING, "{}", refused.message);
        }
    }

    #[test]
    fn numbers_names_and_directions() {
        assert_eq!(one("localPartyNumber=225"), Condition::Local("225".into()));
        let part = Condition::RemotePart("+39".into());
        assert_eq!(one("remotePartyNumber=contains:+39"), part);
        assert_eq!(one("remoteParty=contains:%2B39"), part);
        assert_eq!(one("remoteParty=+39"), Condition::Remote("+39".into()));
        assert_eq!(one("ownerUsername=john_doe"), Condition::Owner("john_doe".into()));
        assert_eq!(one("direction=equals:2"), Condition::Direction(2));
        assert_eq!(read("direction=3").expect_err("3").reason, FILTERING);
        assert_eq!(read("ownerUsername=&other=1"), Ok(Wanted::default()));
        let many = "localPartyNumber=1&".repeat(CONDITIONS + 1);
        assert_eq!(read(&many).expect_err("too many").reason, FILTERING);
    }

    #[test]
    fn pages_count_from_zero() {
        let page = |query| read(query).map(|wanted| (wanted.offset, wanted.limit));
        assert_eq!(page(""), Ok((0, None)));
        assert_eq!(page("page=2&pageSize=25"), Ok((50, Some(25))));
        assert_eq!(page("pageSize=25"), Ok((0, Some(25))));
        assert_eq!(page("page=0"), Ok((0, None)));
        assert_eq!(page("page=1"), Ok((usize::MAX, None)));
        for bad in [
            "page=-1",
            "page=x",
            "pageSize=0",
            "pageSize=%2B1",
            "page=1&page=2",
            "page=99999999999999999999",
        ] {
            assert_eq!(read(bad).expect_err(bad).reason, PAGING, "{bad}");
        }
        let far = page(&format!("page={0}&pageSize={0}", usize::MAX));
        assert_eq!(far, Ok((usize::MAX, Some(usize::MAX))));
    }
}
