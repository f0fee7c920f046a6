use super::super::fragment::Fragment;
use super::super::manifest::SpanEntry;
use super::*;
use sha2::{Digest as _, Sha512};

const ID: u128 = 0x69a7e12a_b6dc_401e_ab20_43a33aaf8a9c;

fn line(user: &str, from_ms: i64) -> Fragment {
    Fragment::of(&json!({
        "device_name": "SEP1", "directory_number": "101", "username": user, "from_ms": from_ms
    }))
}

fn call(direction: &str) -> Fragment {
    Fragment::of(&json!({
        "call_id": "7f1c", "direction": direction, "username": "agent7", "directory_number": "101",
        "remote_first_name": "John", "remote_last_name": "Doe", "remote_phone_number": "+1 (555) 123-456"
    }))
}

fn manifest() -> Manifest {
    let mut manifest = Manifest {
        id: Uuid::from_u128(ID).to_string(),
        state: "finished".to_owned(),
        end_reason: "stopped".to_owned(),
        file: "2026/a.b.wav".to_owned(),
        format: "wav".to_owned(),
        layout: "stereo".to_owned(),
        channels: 2,
        sample_rate: 8000,
        samples: 34_656,
        duration_ms: 4332,
        url: "https://pbx.example/r/1.wav".to_owned(),
        call: call("incoming"),
        lines: vec![line("agent7", 1_795_311_957_794)],
        spans: vec![SpanEntry {
            kind: "pause".into(),
            length_ms: 1320,
            ..SpanEntry::default()
        }],
        ..Manifest::default()
    };
    manifest.set_started_at(1_795_311_957_794);
    manifest
}

fn vcon(manifest: &Manifest) -> Value {
    let sha512 = Sha512::digest(b"abc");
    let source = VconSource {
        id: Uuid::from_u128(ID),
        manifest,
        created_at_ms: 1_795_311_962_000,
        sha512: &sha512,
    };
    let bytes = source.to_bytes().expect("JSON");
    assert_eq!(
        bytes,
        source.to_bytes().expect("JSON"),
        "the same bytes each time"
    );
    assert!(is_vcon_of(&bytes, Uuid::from_u128(ID)));
    assert!(!is_vcon_of(&bytes, Uuid::from_u128(ID ^ 1)));
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn members_of_the_vcon_and_of_its_dialog() {
    let vcon = vcon(&manifest());
    assert_eq!(vcon["vcon"], "0.4.0");
    assert_eq!(
        vcon["created_at"], "2026-11-22T01:46:02Z",
        "a fraction of zero is omitted"
    );
    assert_eq!(vcon["attachments"], json!([]));
    let uuid = Uuid::try_parse(vcon["uuid"].as_str().expect("a text")).expect("a UUID");
    assert_eq!(
        (uuid.get_version_num(), uuid.get_variant()),
        (8, uuid::Variant::RFC4122)
    );
    let ms = u64::from_be_bytes(uuid.as_bytes()[..8].try_into().expect("eight bytes")) >> 16;
    assert_eq!(ms, 1_795_311_962_000);
    // FIPS 180-4, "abc", as base64url without padding.
    let hash =
        "sha512-3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw";
    assert_eq!(
        vcon["dialog"],
        json!([{
            "type": "recording",
            "start": "2026-11-22T01:45:57.794Z",
            "duration": 4.332,
            "parties": [0, 1],
            "originator": 1,
            "mediatype": "audio/x-wav",
            "filename": "a.b.wav",
            "url": "https://pbx.example/r/1.wav",
            "content_hash": hash,
        }])
    );
    assert_eq!(
        vcon["parties"],
        json!([
            { "name": "agent7", "validation": "none" },
            { "tel": "tel:+1555123456", "name": "John Doe", "validation": "none" },
        ])
    );
    let analysis = &vcon["analysis"][0];
    assert_eq!(
        [&analysis["type"], &analysis["vendor"], &analysis["encoding"]],
        ["report", "callrec", "json"]
    );
    assert_eq!(analysis["dialog"], 0);
    let body = &analysis["body"];
    assert_eq!(
        (&body["recording"], &body["call_id"]),
        (&json!(manifest().id), &json!("7f1c"))
    );
    assert_eq!(body["spans"][0]["length_ms"], 1320);
    assert_eq!(body["parties"][0]["directory_number"], "101");
}

#[test]
fn each_channel_has_its_parties() {
    let with = |layout: &str, channels, direction: &str, lines: &[Fragment]| {
        let vcon = vcon(&Manifest {
            layout: layout.to_owned(),
            channels,
            call: call(direction),
            lines: lines.to_vec(),
            ..manifest()
        });
        let dialog = &vcon["dialog"][0];
        (dialog["parties"].clone(), dialog["originator"].clone())
    };
    let one = [line("a", 1)];
    let two = [line("a", 1), line("b", 2), line("a", 3)];
    let none = Value::Null;
    assert_eq!(with("stereo", 2, "outgoing", &one), (json!([0, 1]), none.clone()));
    assert_eq!(with("stereo", 2, "unknown", &one), (json!([0, 1]), none.clone()));
    assert_eq!(
        with("stereo", 2, "incoming", &two),
        (json!([[0, 1], 2]), json!(2))
    );
    // A call with a mixed leg is recorded in one channel.
    assert_eq!(with("stereo", 1, "incoming", &one), (json!([0, 1]), json!(1)));
    assert_eq!(
        with("mono", 1, "outgoing", &two),
        (json!([0, 1, 2]), none.clone())
    );
    assert_eq!(with("local", 1, "incoming", &one), (json!(0), json!(1)));
    assert_eq!(with("local", 1, "outgoing", &two), (json!([0, 1]), none.clone()));
    assert_eq!(with("remote", 1, "incoming", &one), (json!(1), none));
    assert_eq!(with("remote", 1, "outgoing", &one), (json!(1), json!(0)));
}

/// Those that the host has named for a leg are in its channel, unless they left before the recording.
#[test]
fn named_parties_are_in_their_channels() {
    let stay = |leg: &str, name: &str, to_ms: Option<i64>| {
        let mut stay = json!({"leg": leg, "from_ms": 1000, "party": {"name": name}});
        if let Some(to_ms) = to_ms {
            stay["to_ms"] = json!(to_ms);
        }
        stay
    };
    let started = manifest().started_at_ms;
    // Ann is party 2, Bob 3, Cy 4, Dee 5.
    let stays = [
        stay("local", "Ann", None),
        stay("remote", "Bob", Some(started)),
        stay("remote", "Cy", Some(started - 1)),
        stay("remote", "Ann", Some(started + 500)),
        stay("remote", "Ann", None),
    ];
    let with = |layout: &str, channels: u16, stays: &[Value]| {
        let mut call = call("incoming").value();
        call["parties"] = json!(stays);
        let vcon = vcon(&Manifest {
            layout: layout.to_owned(),
            channels,
            call: Fragment::of(&call),
            ..manifest()
        });
        vcon["dialog"][0]["parties"].clone()
    };
    assert_eq!(with("stereo", 2, &stays), json!([[0, 2], [1, 2, 3]]));
    assert_eq!(with("local", 1, &stays), json!([0, 2]));
    assert_eq!(with("remote", 1, &stays), json!([1, 2, 3]));
    assert_eq!(with("mono", 1, &stays), json!([0, 1, 2, 3]));
    // The mixed leg is in every channel.
    let mixed = [stay("mixed", "Dee", None), stay("local", "Ann", None)];
    assert_eq!(with("stereo", 1, &mixed), json!([0, 1, 2, 3]));
    assert_eq!(with("local", 1, &mixed), json!([0, 2, 3]));
    assert_eq!(with("remote", 1, &mixed), json!([1, 2]));
}

#[test]
fn a_transfer_is_in_the_history() {
    let lines = vec![line("a", 1000), line("b", 2500), line("a", 4000)];
    let vcon = vcon(&Manifest { lines, ..manifest() });
    assert_eq!(
        vcon["parties"].as_array().map(Vec::len),
        Some(3),
        "two locals and one remote"
    );
    let event = |party, time: &str, event| json!({ "party": party, "time": time, "event": event });
    assert_eq!(
        vcon["dialog"][0]["party_history"],
        json!([
            event(0, "1970-01-01T00:00:02.500Z", "drop"),
            event(1, "1970-01-01T00:00:02.500Z", "join"),
            event(1, "1970-01-01T00:00:04Z", "drop"),
            event(0, "1970-01-01T00:00:04Z", "join"),
        ])
    );
}

#[test]
fn a_call_of_which_little_is_known() {
    let vcon = vcon(&Manifest {
        call: Fragment::default(),
        lines: Vec::new(),
        url: "http://pbx.example/r/1.wav".to_owned(),
        format: "au".to_owned(),
        duration_ms: 4000,
        ..manifest()
    });
    assert_eq!(vcon["parties"], json!([{}, {}]));
    let dialog = &vcon["dialog"][0];
    assert_eq!(
        (&dialog["duration"], &dialog["mediatype"]),
        (&json!(4), &json!("audio/x-au"))
    );
    assert!(dialog.get("url").is_none(), "the draft requires HTTPS");
    assert!(dialog.get("originator").is_none());
}

#[test]
fn only_a_global_number_is_a_telephone_url() {
    let object = |number| {
        let call = Fragment::of(&json!({ "remote_phone_number": number }));
        vcon(&Manifest { call, ..manifest() })["parties"][1].clone()
    };
    assert_eq!(object("+44.20-7946 0000"), json!({ "tel": "tel:+442079460000" }));
    for local in [
        "101",
        "5551234",
        "+",
        "+1234567890123456",
        "+1555x",
        "sip:a@b",
        "0044 20",
    ] {
        assert_eq!(object(local), json!({ "name": local, "validation": "none" }));
    }
}
