//! The functions `rec_cluster_…`.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::redis_server::{RedisServer, has_redis};
use callrec_testkit::wait::until;

use crate::nodes::{RemoteNode, settings};
use crate::support::*;

fn list(engine: &TestEngine, limit: u32, cursor: &str) -> AbiResult<(Vec<RecordingFields>, String)> {
    let cursor = CText::from(cursor);
    let mut filter: rec_filter = init();
    filter.limit = limit;
    filter.cursor = cursor.ptr();
    let mut snapshot = std::ptr::null_mut();
    checked(|e| unsafe {
        rec_cluster_list(engine.handle, std::ptr::null(), &filter, 5000, &mut snapshot, e)
    })?;
    let next = string(unsafe { rec_snapshot_cursor(snapshot) });
    Ok((unpack(snapshot).0, next))
}

fn control(engine: &TestEngine, operation: i32, id: &str, timeout_ms: u32) -> AbiResult<()> {
    let id = CText::from(id);
    checked(|e| unsafe {
        rec_cluster_control_by_id(
            engine.handle,
            std::ptr::null(),
            operation,
            id.ptr(),
            timeout_ms,
            e,
        )
    })
}

#[test]
fn a_node_lists_and_controls_what_another_process_has() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (own, other) = (ScratchDir::new(), ScratchDir::new());
    let engine = TestEngine::open(&own, &settings(&server.url(), "n0"));
    let remote = RemoteNode::start(&server.url(), &other);
    let listed = || list(&engine, 0, "").map_or(0, |(recordings, _)| recordings.len());
    until("the list", || listed() == 3);
    let (page, cursor) = list(&engine, 2, "").unwrap();
    let (rest, end) = list(&engine, 2, &cursor).unwrap();
    let ids: Vec<String> = page
        .iter()
        .chain(&rest)
        .map(|recording| recording.id.clone())
        .collect();
    assert_eq!(ids, remote.ids);
    assert_eq!(end, "", "the last page");
    assert!(
        engine.list(None, &FilterFields::default()).unwrap().is_empty(),
        "rec_list is local"
    );

    let id = CText::from(remote.ids[0].as_str());
    let mut snapshot = std::ptr::null_mut();
    checked(|e| unsafe { rec_cluster_get(engine.handle, std::ptr::null(), id.ptr(), 0, &mut snapshot, e) })
        .unwrap();
    let recording = unsafe { &*rec_snapshot_get(snapshot, 0) };
    assert_eq!(
        (string(recording.node), recording.unreachable),
        ("n1".to_owned(), 0)
    );
    assert_eq!(string(recording.device_name), "SEP7");
    unsafe { rec_snapshot_free(snapshot) };

    assert_eq!(control(&engine, REC_CONTROL_PAUSE, &remote.ids[0], 5000), Ok(()));
    let again = control(&engine, REC_CONTROL_PAUSE, &remote.ids[0], 5000);
    assert_eq!(again.unwrap_err().status, REC_ERR_ALREADY_PAUSED);
    let device = CText::from("SEP7");
    let mut counts: rec_counts = init();
    checked(|e| unsafe {
        let (engine, operation) = (engine.handle, REC_CONTROL_PAUSE);
        let number = std::ptr::null();
        rec_cluster_control_by_device(
            engine,
            std::ptr::null(),
            operation,
            device.ptr(),
            number,
            5000,
            &mut counts,
            e,
        )
    })
    .unwrap();
    assert_eq!((counts.changed, counts.already), (2, 1));
    let call = CText::from("remote-3");
    checked(|e| unsafe {
        let (engine, operation) = (engine.handle, REC_CONTROL_STOP);
        let url = std::ptr::null();
        rec_cluster_control_by_call(
            engine,
            std::ptr::null(),
            operation,
            call.ptr(),
            url,
            5000,
            &mut counts,
            e,
        )
    })
    .unwrap();
    assert_eq!(counts.changed, 1);
    until("the stop in the list", || listed() == 2);

    remote.pause();
    let late = control(&engine, REC_CONTROL_STOP, &remote.ids[0], 300).unwrap_err();
    assert_eq!(late.status, REC_ERR_TIMEOUT, "{late:?}");
    remote.process.kill();
    let gone = control(&engine, REC_CONTROL_STOP, &remote.ids[0], 5000).unwrap_err();
    assert_eq!(gone.status, REC_ERR_UNAVAILABLE, "{gone:?}");
}

#[test]
fn the_functions_that_wait_are_refused_in_callbacks() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let engine = TestEngine::open(&directory, &settings(&server.url(), "n0"));
    let handle = engine.handle;
    let (send, receive) = std::sync::mpsc::channel();
    let send = std::sync::Mutex::new(send);
    subscribe(handle, move |_| {
        let mut snapshot = std::ptr::null_mut();
        let status = unsafe {
            let (caller, filter) = (std::ptr::null(), std::ptr::null());
            rec_cluster_list(handle, caller, filter, 100, &mut snapshot, std::ptr::null_mut())
        };
        let _ = send.lock().map(|send| send.send(status));
    })
    .unwrap();
    let call = CallFields {
        call_id: Some("c"),
        ..CallFields::default()
    };
    engine.begin(&call).unwrap();
    let start = StartFields {
        call_id: Some("c"),
        ..StartFields::default()
    };
    engine.start(None, &start).unwrap();
    let status = receive.recv_timeout(callrec_testkit::wait::PATIENCE);
    assert_eq!(status, Ok(REC_ERR_IN_CALLBACK));
}

#[test]
fn a_node_needs_a_name_and_a_url_that_can_be_read() {
    let directory = ScratchDir::new();
    let refused = |settings: &[(&str, &str)]| open_with(&directory, settings).map(|_| ()).unwrap_err();
    let nameless = refused(&[("cluster.url", "redis://127.0.0.1:1")]);
    assert_eq!(nameless.status, REC_ERR_CONFIG);
    assert!(nameless.message.contains("cluster.node"), "{nameless:?}");
    let files = [
        ("cluster.url", "rediss://127.0.0.1:1"),
        ("cluster.node", "n"),
        ("cluster.ca_file", "/none"),
    ];
    let unreadable = refused(&files);
    assert_eq!(unreadable.status, REC_ERR_CONFIG);
    // The directory is free again.
    TestEngine::open(&directory, &[]);
}
