//! `Recordings`: what has been recorded, and its audio.

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

use super::filter::{Condition, Wanted};
use super::parties::{local, remote};
use super::{missing, refused};
use crate::Gateway;
use crate::files::{Missing, may_read};
use crate::http::{self as form, Answer, Asked};
use crate::imagicle::active::{iso_date, iso_duration};
use callrec_core::calls::Caller;
use callrec_core::calls::control::parse_id;
use callrec_core::storage::Manifest;
use callrec_core::storage::archive::ArchiveEntry;

/// An answer is sent in pieces of about so many bytes.
const PIECE: usize = 64 << 10;

/// A page of what the caller may see, newest first.
pub async fn list(gateway: &Arc<Gateway>, caller: &Caller, asked: &Asked) -> Answer {
    if !may_read(caller) {
        return refused(&caller.forbidden());
    }
    let mut wanted = match Wanted::read(asked) {
        Ok(wanted) => wanted,
        Err(wrong) => return bad(wrong.reason, &wrong.message),
    };
    if caller.is_limited() {
        let own = caller.username();
        if own.is_empty() {
            return refused(&caller.forbidden());
        }
        wanted.conditions.push(Condition::Owner(own));
    }
    let found = gateway.shelf.archived(None, move |archive| {
        Ok(Some(archive.select(
            |entry| wanted.has(entry),
            wanted.offset,
            wanted.limit,
        )))
    });
    match found.await {
        Ok((total, page)) => sent(total, page),
        Err(why) => missing(why),
    }
}

pub async fn one(gateway: &Arc<Gateway>, caller: &Caller, id: &str) -> Answer {
    let (entry, id) = match entry_of(gateway, caller, id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let manifest = gateway
        .shelf
        .archived(Some(id), move |archive| archive.manifest(id));
    match manifest.await {
        Ok(manifest) => form::json(StatusCode::OK, &detail(&entry, &manifest)),
        Err(why) => missing(why),
    }
}

pub async fn media(gateway: &Arc<Gateway>, caller: &Caller, asked: &Asked, id: &str) -> Answer {
    match entry_of(gateway, caller, id).await {
        Ok((_, id)) => gateway.shelf.audio(asked, id).await.unwrap_or_else(missing),
        Err(answer) => answer,
    }
}

/// Who may not see all learns nothing of what is not theirs, nor whether it exists.
async fn entry_of(gateway: &Gateway, caller: &Caller, id: &str) -> Result<(Arc<ArchiveEntry>, Uuid), Answer> {
    let forbidden = || refused(&caller.forbidden());
    if !may_read(caller) {
        return Err(forbidden());
    }
    let limited = caller.is_limited();
    let Ok(id) = parse_id(id) else {
        return Err(match limited {
            true => forbidden(),
            false => bad(0, &format!("id \"{id}\": not a GUID")),
        });
    };
    let found = gateway
        .shelf
        .archived(Some(id), move |archive| Ok(archive.find(id)));
    match found.await {
        Ok(entry) if !limited || owns(caller, &entry) => Ok((entry, id)),
        Ok(_) => Err(forbidden()),
        Err(Missing::Unknown) if limited => Err(forbidden()),
        Err(why) => Err(missing(why)),
    }
}

fn owns(caller: &Caller, entry: &ArchiveEntry) -> bool {
    let own = caller.username();
    !own.is_empty() && own.as_str() == entry.username()
}

fn bad(reason: i32, message: &str) -> Answer {
    let body = json!({ "reason": reason, "message": message });
    form::json(StatusCode::BAD_REQUEST, &body)
}

/// What list and detail have in common.
fn base(entry: &ArchiveEntry) -> Value {
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

/// A number that is friendlier than the id: year, milliseconds of the year, two digits
/// of the id. The same each time it is asked for.
fn reference(entry: &ArchiveEntry) -> String {
    let start = start_time(entry.started_at_ms);
    let year = start.split('-').next().unwrap_or_default();
    let begin = super::filter::moment(&format!("{year}-01-01")).unwrap_or_default();
    let into = entry.started_at_ms.saturating_sub(begin).max(0);
    format!("{year}{into:011}{:02}", entry.id.as_u128() % 100)
}

fn item(entry: &ArchiveEntry) -> Value {
    let mut item = base(entry);
    item["ownerUsername"] = entry.username().into();
    item
}

fn detail(entry: &ArchiveEntry, manifest: &Manifest) -> Value {
    let told = manifest.call.value();
    let call = |name: &str| told[name].as_str().unwrap_or_default();
    let pbx_call_id = match call("switch_call_id") {
        "" => call("call_id"),
        id => id,
    };
    let mut detail = base(entry);
    detail["pbxCallId"] = pbx_call_id.into();
    // An object as published, so that a client may look into it.
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

/// A list is written while it is sent: without a page size it may be very long.
fn sent(total: usize, page: Vec<Arc<ArchiveEntry>>) -> Answer {
    let listed = Listed {
        head: Some(format!("{{\"totalCount\":{total},\"recordings\":[")),
        left: page.into_iter(),
        first: true,
    };
    let mut answer = Response::new(listed.map_err(|never| match never {}).boxed_unsync());
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

struct Listed {
    /// What the next piece begins with; `None`: the end has been sent.
    head: Option<String>,
    left: std::vec::IntoIter<Arc<ArchiveEntry>>,
    first: bool,
}

impl Body for Listed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut piece) = self.head.take() else {
            return Poll::Ready(None);
        };
        while piece.len() < PIECE {
            let Some(entry) = self.left.next() else {
                piece.push_str("]}");
                return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
            };
            if !std::mem::take(&mut self.first) {
                piece.push(',');
            }
            piece.push_str(&item(&entry).to_string());
        }
        // More follows.
        self.head = Some(String::new());
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callrec_core::storage::archive::ArchiveFields;
    use callrec_core::words::State;

    fn entry(id: u128, direction: i32) -> ArchiveEntry {
        ArchiveEntry::new(&ArchiveFields {
            id: Uuid::from_u128(id),
            file: "a.wav",
            format: "wav",
            state: State::Finished,
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
    fn numbers_that_nobody_gave_are_those_that_were_dialled() {
        let of = |direction| {
            let entry = entry(1, direction);
            (local(&entry).to_owned(), remote(&entry).to_owned())
        };
        assert_eq!(of(1), ("222".to_owned(), "111".to_owned()));
        assert_eq!(of(2), ("111".to_owned(), "222".to_owned()));
        assert_eq!(of(0), (String::new(), String::new()));
    }

    fn frame_of(body: &mut form::Body) -> Option<std::io::Result<Frame<Bytes>>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => panic!("it is in memory"),
        }
    }

    #[test]
    fn a_long_list_comes_in_pieces_and_is_whole() {
        for count in [0, 1, 1000] {
            let page = (0..count).map(|id| Arc::new(entry(id, 1))).collect();
            let mut body = sent(count as usize, page).into_body();
            let (mut text, mut pieces) = (Vec::new(), 0);
            while let Some(frame) = frame_of(&mut body) {
                let data = frame.expect("no error").into_data().expect("data");
                assert!(data.len() < 2 * PIECE);
                text.extend_from_slice(&data);
                pieces += 1;
            }
            let value: Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(value["totalCount"], count as u64);
            assert_eq!(value["recordings"].as_array().map(Vec::len), Some(count as usize));
            assert!(count < 1000 || pieces > 2);
        }
    }
}
