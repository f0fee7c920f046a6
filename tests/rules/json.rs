//! A list as Imagicle's JSON: the names and order of the fields, and the formats of the values.

use callrec::capi::*;
use callrec_testkit::wait::until;
use time::OffsetDateTime;
use time::macros::format_description;

use super::lists::three_recordings;
use super::scratch_engine::*;
use crate::support::*;

/// The raw text: the order and the format are published, too.
fn json_of(scratch: &ScratchEngine, device_name: &str) -> String {
    let device = CText::from(device_name);
    let mut filter: rec_filter = init();
    filter.device_name = device.ptr();
    let mut snapshot = std::ptr::null_mut();
    checked(|e| unsafe { rec_list(scratch.handle, std::ptr::null(), &filter, &mut snapshot, e) }).unwrap();
    let json = string(unsafe { rec_snapshot_json(snapshot) });
    unsafe { rec_snapshot_free(snapshot) };
    json
}

/// Imagicle's own example: 1 minute and 13 seconds of user1 with John Doe.
#[test]
fn the_json_of_a_list_has_the_published_format() {
    let scratch = scratch_engine();
    let call = CallFields {
        first: Some("John"),
        last: Some("Doe"),
        phone: Some("+1555123456"),
        ..by_user("SEP1", "123456", "user1")
    };
    let (handle, id) = scratch.recorded(&call);
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(handle, leg, REC_CODEC_PCMU, 0).unwrap());
    // In turns, so that no leg waits for the other. 73.9 s, so that a block ends after 73 s.
    for _ in 0..739 {
        for leg in legs {
            write_bytes(leg, &[0x55; 800]);
        }
    }
    until("73 seconds are recorded", || {
        scratch.get(HOST, &id).unwrap().duration_ms >= 73_000
    });
    let started_at_ms = scratch.get(HOST, &id).unwrap().started_at_ms;
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]");
    let started_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(started_at_ms) * 1_000_000)
        .unwrap()
        .format(format)
        .unwrap();
    let published = |is_paused: bool| {
        format!(
            "[{{\"id\":\"{id}\",\"duration\":\"PT1M13S\",\"startedAt\":\"{started_at}\",\
             \"localParty\":{{\"username\":\"user1\"}},\
             \"remoteParty\":{{\"firstName\":\"John\",\"lastName\":\"Doe\",\"phoneNumber\":\"+1555123456\"}},\
             \"isPaused\":{is_paused}}}]"
        )
    };
    assert_eq!(json_of(&scratch, "SEP1"), published(false));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    assert_eq!(json_of(&scratch, "SEP1"), published(true));
}

#[test]
fn the_json_of_an_empty_list_is_an_empty_array() {
    let scratch = scratch_engine();
    assert_eq!(json_of(&scratch, "SEP1"), "[]");
    assert_eq!(string(unsafe { rec_snapshot_json(std::ptr::null()) }), "[]");
}

#[test]
fn the_json_escapes_special_characters() {
    let scratch = scratch_engine();
    let name = "O\"Brien\\ \u{7}\n\u{1f}é☎";
    scratch.recorded(&CallFields {
        first: Some(name),
        last: Some(""),
        ..by_user("SEP1", "", name)
    });
    let (_, json) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
    assert_eq!(json[0]["remoteParty"]["firstName"], name);
    assert_eq!(json[0]["localParty"]["username"], name);
    assert_eq!(json[0]["remoteParty"]["lastName"], "");
    assert_eq!(json[0]["duration"], "PT0S");
}

#[test]
fn the_json_lists_in_the_order_of_the_snapshot() {
    let (scratch, ids) = three_recordings();
    let (recordings, json) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
    let listed: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].clone())
        .collect();
    assert_eq!(listed, ids);
    let ids_found: Vec<_> = recordings.into_iter().map(|recording| recording.id).collect();
    assert_eq!(ids_found, ids);
}
