//! `GET …/Recording/`, `GET` and `DELETE …/Recording/{recording_id}/`

use std::sync::Arc;

use form_urlencoded::Serializer;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::audio::{extension, may_access};
use super::errors::ErrorForm;
use super::times::{parse_time, time_text};
use super::{Dialect, VobizRequest};
use crate::Gateway;
use crate::archive_service::{ArchiveError, may_read};
use crate::http::{HttpResponse, empty, json as json_response};
use crate::recording_url::shared_url_of;
use callrec_core::calls::Caller;
use callrec_core::calls::control::parse_id;
use callrec_core::clock::unix_ms;
use callrec_core::storage::archive::ArchiveEntry;
use callrec_core::types::Status;

/// The default page size.
const LIMIT: usize = 20;
const DAY_MS: i64 = 86_400_000;
/// The prefix of links in responses.
pub const LINKS_PATH: &str = "/v1";
/// Characters to encode in a path segment (RFC 3986, 2.3).
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A filter for recordings. All parts must match.
#[derive(Debug)]
pub struct RecordingFilter {
    call: Option<String>,
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
    /// Conditions on the start time.
    times: Vec<(Bound, i64)>,
    /// Conditions on the days since the recording ended.
    days: Vec<(Bound, i64)>,
    /// Matches nothing: a filter for something that callrec never records, such as conferences.
    matches_nothing: bool,
    dialect: Dialect,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
struct ListPage {
    limit: usize,
    offset: usize,
    /// The name of the offset parameter in links.
    offset_name: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Equal,
    After,
    From,
    Before,
    Until,
}

/// Filters for things that callrec never records.
const UNSUPPORTED_FILTERS: [&str; 6] = [
    "subaccount",
    "conference_name",
    "conference_uuid",
    "mpc_name",
    "mpc_uuid",
    "mpc_friendly_name",
];

/// The position in a list. Published without a format; here it is an offset that takes precedence
/// over `offset`.
const CURSOR: &str = "cursor";
/// Plivo's SDKs send these to ask for a later response. callrec responds at once and calls nobody.
const IGNORED_PARAMETERS: [&str; 2] = ["callback_url", "callback_method"];

impl ListPage {
    /// Parses page and filters from the query.
    fn parse(request: &VobizRequest<'_>) -> Result<(ListPage, RecordingFilter), String> {
        let mut filter = RecordingFilter::new(request.dialect);
        let mut page = ListPage {
            limit: LIMIT,
            offset: 0,
            offset_name: "offset",
        };
        for (name, value) in request.http.query().filter(|(_, value)| !value.is_empty()) {
            match name.as_ref() {
                "limit" => page.limit = parse_limit(&value, limit_max(request.dialect))?,
                CURSOR => {
                    page.offset = parse_whole(&name, &value)?;
                    page.offset_name = CURSOR;
                }
                "offset" => {
                    let offset = parse_whole(&name, &value)?;
                    if page.offset_name != CURSOR {
                        page.offset = offset;
                    }
                }
                name if IGNORED_PARAMETERS.contains(&name) => {}
                name => filter.add(name, &value)?,
            }
        }
        Ok((page, filter))
    }
}

impl RecordingFilter {
    /// Matches all recordings.
    pub fn new(dialect: Dialect) -> RecordingFilter {
        RecordingFilter {
            call: None,
            from: None,
            to: None,
            format: None,
            times: Vec::new(),
            days: Vec::new(),
            matches_nothing: false,
            dialect,
        }
    }

    /// Adds a filter.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match name {
            "call_uuid" => self.call = text(),
            "from_number" => self.from = Some(parse_number(name, value)?),
            "to_number" => self.to = Some(parse_number(name, value)?),
            "recording_format" => self.format = text(),
            "recording_type" => self.matches_nothing |= value != recording_type(self.dialect),
            name if UNSUPPORTED_FILTERS.contains(&name) => self.matches_nothing = true,
            name => self.add_bound(name, value)?,
        }
        Ok(())
    }

    /// Refuses unknown filters. If they were ignored, a client that deletes what a list returns
    /// would delete everything.
    fn add_bound(&mut self, name: &str, value: &str) -> Result<(), String> {
        let (field, bound) = Bound::split(name);
        match field {
            "add_time" => {
                let time = parse_time(value);
                let time = time.ok_or_else(|| format!("{name}: no time as 2025-11-06 13:49:10"))?;
                self.times.push((bound, time));
            }
            "recording_storage_duration" => {
                let days = parse_whole(name, value)?;
                self.days.push((bound, days as i64));
            }
            _ => return Err(format!("{name}: there is no such filter")),
        }
        Ok(())
    }

    pub fn matches(&self, entry: &ArchiveEntry) -> bool {
        // As published by Vobiz, a part of a number is enough.
        let same = |expected: &Option<String>, own: &str| {
            expected.as_ref().is_none_or(|expected| match self.dialect {
                Dialect::Vobiz => own.contains(expected),
                Dialect::Plivo => without_plus(own) == expected,
            })
        };
        let (from, to) = parties(entry);
        !self.matches_nothing
            && self.call.as_ref().is_none_or(|call| call == entry.call_id())
            && self
                .format
                .as_ref()
                .is_none_or(|format| format == extension(entry))
            && same(&self.from, from)
            && same(&self.to, to)
            && self
                .times
                .iter()
                .all(|(bound, time)| bound.holds(entry.started_at_ms, *time))
            && self
                .days
                .iter()
                .all(|(bound, days)| bound.holds(stored_days(entry), *days))
    }
}

impl Bound {
    /// Splits a parameter into its field and comparison.
    fn split(name: &str) -> (&str, Bound) {
        let suffixes = [
            ("__gte", Bound::From),
            ("__gt", Bound::After),
            ("__lte", Bound::Until),
            ("__lt", Bound::Before),
        ];
        let mut found = suffixes.into_iter();
        let found = found.find_map(|(suffix, bound)| Some((name.strip_suffix(suffix)?, bound)));
        found.unwrap_or((name, Bound::Equal))
    }

    fn holds(self, own: i64, time: i64) -> bool {
        match self {
            Bound::Equal => own == time,
            Bound::After => own > time,
            Bound::From => own >= time,
            Bound::Before => own < time,
            Bound::Until => own <= time,
        }
    }
}

fn limit_max(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Vobiz => 100,
        Dialect::Plivo => 20,
    }
}

/// The type of a call's recording.
fn recording_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Vobiz => "call",
        Dialect::Plivo => "normal",
    }
}

/// Parses a whole number. Larger ones are clamped, since there are never that many recordings or
/// days.
fn parse_whole(name: &str, value: &str) -> Result<usize, String> {
    // Only ASCII digits, since `parse` would accept "+1".
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => Ok(value.parse::<u32>().unwrap_or(u32::MAX) as usize),
        false => Err(format!("{name}: a whole number is needed")),
    }
}

fn parse_limit(value: &str, limit_max: usize) -> Result<usize, String> {
    let number = parse_whole("limit", value)?;
    match (1..=limit_max).contains(&number) {
        true => Ok(number),
        false => Err(format!("limit: a whole number from 1 to {limit_max} is needed")),
    }
}

/// The number without its plus sign.
fn without_plus(text: &str) -> &str {
    text.trim_start_matches(['+', ' '])
}

/// A number to search for. An empty one would match everything.
fn parse_number(name: &str, value: &str) -> Result<String, String> {
    match without_plus(value) {
        "" => Err(format!("{name}: a number is needed")),
        number => Ok(number.to_owned()),
    }
}

pub async fn list(request: &VobizRequest<'_>, caller: Caller) -> HttpResponse {
    if !may_read(&caller) {
        return request.record_only();
    }
    let (page, filter) = match ListPage::parse(request) {
        Ok(parsed) => parsed,
        Err(message) => return request.error(ErrorForm::Resource, StatusCode::BAD_REQUEST, &message),
    };
    let ListPage { limit, offset, .. } = page;
    let found = request.gateway.archive.query(None, move |archive| {
        let matches = |entry: &ArchiveEntry| may_access(&caller, entry) && filter.matches(entry);
        Ok(Some(archive.select(matches, offset, Some(limit))))
    });
    let (total, found) = match found.await {
        Ok(found) => found,
        Err(error) => return request.archive_error(error),
    };
    let objects: Vec<Value> = found.iter().map(|entry| object(request, entry)).collect();
    let at = |offset| page_uri(request, &ListPage { offset, ..page });
    let next = offset.saturating_add(limit);
    let next = (next < total).then(|| at(next));
    let previous = (offset > 0).then(|| at(offset.saturating_sub(limit)));
    let body = json!({
        "api_id": request.api_id,
        "meta": {
            "limit": limit,
            "next": next,
            "offset": offset,
            "previous": previous,
            "total_count": total,
        },
        "objects": objects,
    });
    json_response(StatusCode::OK, &body)
}

/// The link to another page of the list. As published by both vendors it begins with `/v1`,
/// wherever the API begins.
fn page_uri(request: &VobizRequest<'_>, page: &ListPage) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &page.limit.to_string());
    query.append_pair(page.offset_name, &page.offset.to_string());
    for (name, value) in request.http.query() {
        if !matches!(name.as_ref(), "limit" | "offset" | CURSOR) {
            query.append_pair(&name, &value);
        }
    }
    format!("{}?{}", resource_uri(request, ""), query.finish())
}

/// The published path of a recording, or of the list.
fn resource_uri(request: &VobizRequest<'_>, below: &str) -> String {
    let account = utf8_percent_encode(&request.account, PATH_PART);
    format!("{LINKS_PATH}/Account/{account}/Recording/{below}")
}

async fn find_entry(
    request: &VobizRequest<'_>,
    caller: Caller,
    id: &str,
) -> Result<Arc<ArchiveEntry>, ArchiveError> {
    let id = parse_id(id).map_err(|_| ArchiveError::NotFound)?;
    let found = request.gateway.archive.query(Some(id), move |archive| {
        Ok(archive.find(id).filter(|entry| may_access(&caller, entry)))
    });
    found.await
}

pub async fn get(request: &VobizRequest<'_>, caller: Caller, id: &str) -> HttpResponse {
    if !may_read(&caller) {
        return request.record_only();
    }
    match find_entry(request, caller, id).await {
        Ok(entry) => {
            let mut body = object(request, &entry);
            body["api_id"] = request.api_id.as_str().into();
            json_response(StatusCode::OK, &body)
        }
        Err(error) => request.archive_error(error),
    }
}

pub async fn delete(request: &VobizRequest<'_>, caller: Caller, id: &str) -> HttpResponse {
    if caller.is_limited() {
        let message = "Deleting needs level 10";
        return request.error(ErrorForm::Resource, StatusCode::FORBIDDEN, message);
    }
    let found = match find_entry(request, caller.clone(), id).await {
        Ok(entry) => entry,
        Err(error) => return request.archive_error(error),
    };
    match remove(request.gateway, caller, found.id, found.file().to_owned()).await {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(error) => request.archive_error(error),
    }
}

/// Deletes a recording on a thread that may wait for the disk, so that a client that disconnects does not interrupt
/// it.
pub async fn remove(gateway: &Gateway, caller: Caller, id: Uuid, file: String) -> Result<(), ArchiveError> {
    let engine = gateway.engine().clone();
    let removed = gateway.archive.query(Some(id), move |_| {
        Ok(Some(
            engine.delete_at(&caller, id, &file).map_err(|error| error.status),
        ))
    });
    removed.await?.map_err(|status| match status {
        Status::NotFound => ArchiveError::NotFound,
        Status::Held => ArchiveError::Held,
        Status::Live | Status::Unavailable => ArchiveError::NotReady,
        _ => ArchiveError::Failed,
    })
}

/// The Recording resource with the published types.
fn object(request: &VobizRequest<'_>, entry: &ArchiveEntry) -> Value {
    let url = format!(
        "{}{}.{}",
        request.gateway.engine().config().url_base,
        entry.id,
        extension(entry)
    );
    let (from, to) = parties(entry);
    json!({
        "add_time": time_text(entry.started_at_ms),
        "call_uuid": entry.call_id(),
        "conference_name": null,
        "from_number": from,
        "monthly_recording_storage_amount": 0,
        "recording_duration_ms": decimal(entry.duration_ms),
        "recording_end_ms": decimal(entry.ended_at_ms),
        "recording_format": extension(entry),
        "recording_id": entry.id.to_string(),
        "recording_start_ms": decimal(entry.started_at_ms),
        "recording_storage_duration": stored_days(entry),
        "recording_storage_rate": 0,
        "recording_type": recording_type(request.dialect),
        "recording_url": shared_url_of(request.gateway, &url),
        "resource_uri": resource_uri(request, &format!("{}/", entry.id)),
        "rounded_recording_duration": entry.duration_ms.div_ceil(60_000) * 60,
        "to_number": to,
    })
}

fn stored_days(entry: &ArchiveEntry) -> i64 {
    unix_ms().saturating_sub(entry.ended_at_ms).max(0) / DAY_MS
}

/// Published as text: `10080.00000`.
fn decimal(number: impl std::fmt::Display) -> String {
    format!("{number}.00000")
}

/// The calling and the called number.
fn parties(entry: &ArchiveEntry) -> (&str, &str) {
    fn first<'a>(one: &'a str, other: &'a str) -> &'a str {
        if one.is_empty() { other } else { one }
    }
    let (number, remote) = (entry.number(), entry.remote());
    match entry.direction {
        OUTGOING => (first(entry.ani(), number), first(remote, entry.dnis())),
        _ => (first(remote, entry.ani()), first(entry.dnis(), number)),
    }
}

const OUTGOING: i32 = 2;
