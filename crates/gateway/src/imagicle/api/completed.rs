//! `Recordings`: completed recordings and their audio.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use serde_json::{Value, json};
use uuid::Uuid;

use super::parties::{local, remote};
use super::query::{Condition, RecordingQuery};
use super::{archive_error_response, error_response};
use crate::Gateway;
use crate::archive_service::{ArchiveError, may_read};
use crate::http::{self as form, HttpRequest, HttpResponse};
use crate::imagicle::active::{iso_date, iso_duration};
use callrec_core::calls::Caller;
use callrec_core::calls::control::parse_id;
use callrec_core::storage::Manifest;
use callrec_core::storage::archive::ArchiveEntry;

/// Approximate bytes of each chunk of a response.
const CHUNK_BYTES: usize = 64 << 10;

/// A page of the recordings that the caller may see, newest first.
pub async fn list(gateway: &Arc<Gateway>, caller: &Caller, request: &HttpRequest) -> HttpResponse {
    if !may_read(caller) {
        return error_response(&caller.forbidden());
    }
    let mut query = match RecordingQuery::parse(request) {
        Ok(query) => query,
        Err(error) => return bad_request(error.reason, &error.message),
    };
    if caller.is_limited() {
        let own = caller.username();
        if own.is_empty() {
            return error_response(&caller.forbidden());
        }
        query.conditions.push(Condition::Owner(own));
    }
    let found = gateway.archive.query(None, move |archive| {
        Ok(Some(archive.select(
            |entry| query.matches(entry),
            query.offset,
            query.limit,
        )))
    });
    match found.await {
        Ok((total, page)) => list_response(total, page),
        Err(error) => archive_error_response(error),
    }
}

pub async fn get(gateway: &Arc<Gateway>, caller: &Caller, id: &str) -> HttpResponse {
    let (entry, id) = match entry_of(gateway, caller, id).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let manifest = gateway
        .archive
        .query(Some(id), move |archive| archive.manifest(id));
    match manifest.await {
        Ok(manifest) => form::json(StatusCode::OK, &detail(&entry, &manifest)),
        Err(error) => archive_error_response(error),
    }
}

pub async fn media(gateway: &Arc<Gateway>, caller: &Caller, request: &HttpRequest, id: &str) -> HttpResponse {
    match entry_of(gateway, caller, id).await {
        Ok((_, id)) => gateway
            .archive
            .audio_response(request, id)
            .await
            .unwrap_or_else(archive_error_response),
        Err(response) => response,
    }
}

/// Callers below level 10 get 403 for recordings that are not theirs, whether or not they exist.
async fn entry_of(
    gateway: &Gateway,
    caller: &Caller,
    id: &str,
) -> Result<(Arc<ArchiveEntry>, Uuid), HttpResponse> {
    let forbidden = || error_response(&caller.forbidden());
    if !may_read(caller) {
        return Err(forbidden());
    }
    let limited = caller.is_limited();
    let Ok(id) = parse_id(id) else {
        return Err(match limited {
            true => forbidden(),
            false => bad_request(0, &format!("id \"{id}\": not a GUID")),
        });
    };
    let found = gateway
        .archive
        .query(Some(id), move |archive| Ok(archive.find(id)));
    match found.await {
        Ok(entry) if !limited || owns(caller, &entry) => Ok((entry, id)),
        Ok(_) => Err(forbidden()),
        Err(ArchiveError::NotFound) if limited => Err(forbidden()),
        Err(error) => Err(archive_error_response(error)),
    }
}

fn owns(caller: &Caller, entry: &ArchiveEntry) -> bool {
    let own = caller.username();
    !own.is_empty() && own.as_str() == entry.username()
}

fn bad_request(reason: i32, message: &str) -> HttpResponse {
    let body = json!({ "reason": reason, "message": message });
    form::json(StatusCode::BAD_REQUEST, &body)
}

/// Members that list items and details share.
fn common_members(entry: &ArchiveEntry) -> Value {
    let mut duration = String::new();
    iso_duration(&mut duration, entry.duration_ms);
    json!({
        "id": entry.id.to_string(),
        "referenceNumber": reference(entry),
        "startTime": start_time(entry.started_at_ms),
        "duration": duration,
        "direction": entry.direction,
        "localPartyNumber": local(entry),
        "remotePartyNumber": remote(entry),
    })
}

/// `2018-09-25T13:00:00.0000000Z`
fn start_time(unix_ms: i64) -> String {
    let mut text = String::new();
    iso_date(&mut text, unix_ms);
    text.push('Z');
    text
}

/// A reference number that is shorter than the id: year, milliseconds of the year, two digits of
/// the id. It never changes.
fn reference(entry: &ArchiveEntry) -> String {
    let start = start_time(entry.started_at_ms);
    let year = start.split('-').next().unwrap_or_default();
    let year_start = super::query::floor_ms(&format!("{year}-01-01")).unwrap_or_default();
    let offset = entry.started_at_ms.saturating_sub(year_start).max(0);
    format!("{year}{offset:011}{:02}", entry.id.as_u128() % 100)
}

fn item(entry: &ArchiveEntry) -> Value {
    let mut item = common_members(entry);
    item["ownerUsername"] = entry.username().into();
    item
}

fn detail(entry: &ArchiveEntry, manifest: &Manifest) -> Value {
    let call_json = manifest.call.value();
    let call = |name: &str| call_json[name].as_str().unwrap_or_default();
    let pbx_call_id = match call("switch_call_id") {
        "" => call("call_id"),
        id => id,
    };
    let mut detail = common_members(entry);
    detail["pbxCallId"] = pbx_call_id.into();
    // An object as published, since clients may access its members.
    detail["pbxInfo"] = json!({});
    detail["owner"] = json!({
        "username": entry.username(),
        "firstName": "",
        "lastName": "",
        "phoneNumber": local(entry),
        "group": "",
        "department": "",
    });
    detail["preservingUser"] = Value::Null;
    detail["note"] = Value::Null;
    detail["size"] = entry.bytes.into();
    detail["hash"] = match manifest.digest.split_once(':') {
        Some((algorithm, value)) => json!({ "algorithm": algorithm, "value": value }),
        None => Value::Null,
    };
    detail
}

/// The list is written while it is sent, since it may be very long without a page size.
fn list_response(total: usize, page: Vec<Arc<ArchiveEntry>>) -> HttpResponse {
    let body = ListBody {
        head: Some(format!("{{\"totalCount\":{total},\"recordings\":[")),
        remaining: page.into_iter(),
        first: true,
    };
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

struct ListBody {
    /// The beginning of the next chunk; `None` after the end was sent.
    head: Option<String>,
    remaining: std::vec::IntoIter<Arc<ArchiveEntry>>,
    first: bool,
}

impl Body for ListBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut chunk) = self.head.take() else {
            return Poll::Ready(None);
        };
        while chunk.len() < CHUNK_BYTES {
            let Some(entry) = self.remaining.next() else {
                chunk.push_str("]}");
                return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
            };
            if !std::mem::take(&mut self.first) {
                chunk.push(',');
            }
            chunk.push_str(&item(&entry).to_string());
        }
        // More chunks follow.
        self.head = Some(String::new());
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callrec_core::storage::archive::ArchiveFields;
    use callrec_core::types::RecordingState;

    fn entry(id: u128, direction: i32) -> ArchiveEntry {
        ArchiveEntry::new(&ArchiveFields {
            id: Uuid::from_u128(id),
            file: "a.wav",
            format: "wav",
            state: RecordingState::Finished,
            started_at_ms: 1_530_544_020_120,
            ended_at_ms: 1_530_544_093_120,
            duration_ms: 73_900,
            bytes: 44,
            direction,
            call_id: "c",
            device: "SEP1",
            number: "",
            username: "user1",
            remote: "",
            ani: "111",
            dnis: "222",
        })
    }

    #[test]
    fn times_and_durations_as_published() {
        let item = item(&entry(7, 1));
        assert_eq!(item["startTime"], "2018-07-02T15:07:00.1200000Z");
        assert_eq!(item["duration"], "PT1M13S");
        assert_eq!(item["referenceNumber"], "20181577922012007");
    }

    #[test]
    fn missing_numbers_are_taken_from_ani_and_dnis() {
        let of = |direction| {
            let entry = entry(1, direction);
            (local(&entry).to_owned(), remote(&entry).to_owned())
        };
        assert_eq!(of(1), ("222".to_owned(), "111".to_owned()));
        assert_eq!(of(2), ("111".to_owned(), "222".to_owned()));
        assert_eq!(of(0), (String::new(), String::new()));
    }

    fn frame_of(body: &mut form::ResponseBody) -> Option<std::io::Result<Frame<Bytes>>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => panic!("it is in memory"),
        }
    }

    #[test]
    fn a_long_list_is_sent_in_chunks_and_complete() {
        for count in [0, 1, 1000] {
            let page = (0..count).map(|id| Arc::new(entry(id, 1))).collect();
            let mut body = list_response(count as usize, page).into_body();
            let (mut text, mut chunks) = (Vec::new(), 0);
            while let Some(frame) = frame_of(&mut body) {
                let data = frame.expect("no error").into_data().expect("data");
                assert!(data.len() < 2 * CHUNK_BYTES);
                text.extend_from_slice(&data);
                chunks += 1;
            }
            let value: Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(value["totalCount"], count as u64);
            assert_eq!(value["recordings"].as_array().map(Vec::len), Some(count as usize));
            assert!(count < 1000 || chunks > 2);
        }
    }
}
