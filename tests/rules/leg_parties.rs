//! `rec_call_parties`: who is heard on a leg, and from when to when.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wait::until;
use serde_json::{Value, json};

use super::scratch_engine::*;
use crate::support::*;

fn parties(call: rec_call, leg: i32, text: Option<&str>) -> AbiResult<()> {
    let text = CText::from(text);
    checked(|e| unsafe { rec_call_parties(call, leg, text.ptr(), e) })
}

fn set(call: rec_call, leg: i32, list: &Value) {
    parties(call, leg, Some(&list.to_string())).unwrap();
}

/// Leg, name and whether the party has left, of each entry.
fn stays(call: &Value) -> Vec<(String, String, bool)> {
    let stays = call["parties"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stay = |stay: &Value| {
        assert!(
            stay["to_ms"]
                .as_i64()
                .is_none_or(|to_ms| to_ms >= stay["from_ms"].as_i64().unwrap())
        );
        (
            text(&stay["leg"]),
            text(&stay["party"]["name"]),
            !stay["to_ms"].is_null(),
        )
    };
    stays.iter().map(stay).collect()
}

fn stay(leg: &str, name: &str, has_left: bool) -> (String, String, bool) {
    (leg.to_owned(), name.to_owned(), has_left)
}

#[test]
fn the_manifest_lists_who_was_heard_on_a_mixed_leg() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("CONF", "900")).unwrap();
    let [ann, bob, cy] = ["Ann", "Bob", "Cy"].map(|name| json!({"name": name, "number": "+4930123"}));
    set(call, REC_LEG_MIXED, &json!([ann, bob]));
    // The recording begins later, and has the earlier parties too.
    let id = scratch.start(HOST, &on_device("CONF")).unwrap();
    scratch.events.wait_kind(&id, REC_EVENT_STARTED);
    set(call, REC_LEG_MIXED, &json!([bob, cy]));
    set(call, REC_LEG_MIXED, &json!([cy, bob]));
    // The live manifest has them, for a crash.
    let live = scratch.dir.0.join(format!(".callrec/{id}.json"));
    until("the live manifest has three parties", || {
        let text = std::fs::read(&live).unwrap_or_default();
        let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
        stays(&manifest["call"]).len() == 3
    });
    parties(call, REC_LEG_MIXED, None).unwrap();
    set(call, REC_LEG_MIXED, &json!([ann]));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let ended = scratch.events.wait_terminal(&id).recording.unwrap();
    let manifest = manifest_beside(&ended.path);
    assert_eq!(
        stays(&manifest["call"]),
        [
            stay("mixed", "Ann", true),
            stay("mixed", "Bob", true),
            stay("mixed", "Cy", true),
            stay("mixed", "Ann", false)
        ]
    );
    assert_eq!(manifest["call"]["parties"][0]["party"], ann);
}

#[test]
fn legs_have_their_own_parties() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    set(call, REC_LEG_LOCAL, &json!([{"name": "Ann"}]));
    set(call, REC_LEG_REMOTE, &json!([{"name": "Bob"}, {"name": "Ann"}]));
    parties(call, REC_LEG_LOCAL, Some("[]")).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let ended = scratch.events.wait_terminal(&id);
    let expected = [
        stay("local", "Ann", true),
        stay("remote", "Bob", false),
        stay("remote", "Ann", false),
    ];
    assert_eq!(stays(&ended.json["recording"]["call"]), expected);
    // A call without named parties has no such member.
    let (_, other) = scratch.recorded(&line("SEP2", "102"));
    scratch.by_id(rec_stop_by_id, HOST, &other).unwrap();
    let ended = scratch.events.wait_terminal(&other);
    assert_eq!(ended.json["recording"]["call"]["parties"], Value::Null);
}

#[test]
fn the_vcon_has_the_named_parties_with_their_times() {
    let scratch = scratch_engine_with(&[("storage.sidecar", "vcon")]);
    let call = scratch.begin(&line("CONF", "900")).unwrap();
    set(
        call,
        REC_LEG_MIXED,
        &json!([{"name": "Ann", "number": "+4930123"}, {"id": "7"}]),
    );
    let id = scratch.start(HOST, &on_device("CONF")).unwrap();
    set(call, REC_LEG_MIXED, &json!([{"id": "7"}]));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let path = scratch.events.wait_terminal(&id).recording.unwrap().path;
    let vcon = std::path::Path::new(&path).with_extension("vcon");
    until("the vCon is written", || vcon.exists());
    let vcon: Value = serde_json::from_slice(&std::fs::read(vcon).unwrap()).unwrap();
    let named = &vcon["parties"].as_array().unwrap()[2..];
    assert_eq!(
        named[0],
        json!({"tel": "tel:+4930123", "name": "Ann", "validation": "none"})
    );
    assert_eq!(named[1]["name"], "7");
    // The mixed leg is in both channels.
    assert_eq!(vcon["dialog"][0]["parties"], json!([[0, 2, 3], [1, 2, 3]]));
    let history = vcon["dialog"][0]["party_history"].as_array().unwrap();
    let events: Vec<_> = history
        .iter()
        .map(|one| (one["party"].clone(), one["event"].clone()))
        .collect();
    assert_eq!(
        events,
        [
            (json!(2), json!("join")),
            (json!(2), json!("drop")),
            (json!(3), json!("join"))
        ]
    );
}

#[test]
fn json_of_another_form_is_refused() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let deep = "[".repeat(50_000);
    let many = format!("[{}{{}}]", "{},".repeat(256));
    let large = format!("[{{\"name\":\"{}\"}}]", "x".repeat(1024));
    let members: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    let wide = json!([members]).to_string();
    let long = format!("[{{\"name\":\"{}\"}}]", "x".repeat(66_000));
    for wrong in [
        "{}",
        "[1]",
        "[\"a\"]",
        "[{\"name\":1}]",
        "[{\"name\":{}}]",
        "[",
        "x",
        &deep,
        &large,
        &wide,
        &many,
        &long,
    ] {
        refused(
            parties(call, REC_LEG_LOCAL, Some(wrong)),
            REC_ERR_INVALID_ARGUMENT,
        );
    }
    for leg in [-1, 3, i32::MAX] {
        refused(parties(call, leg, Some("[]")), REC_ERR_INVALID_ARGUMENT);
    }
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let ended = scratch.events.wait_terminal(&id);
    assert_eq!(ended.json["recording"]["call"]["parties"], Value::Null);
    end(call).unwrap();
    refused(parties(call, REC_LEG_LOCAL, Some("[]")), REC_ERR_BAD_HANDLE);
}
