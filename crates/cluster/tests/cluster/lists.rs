//! Lists over the cluster: filters, pages and rights.

use std::sync::atomic::{AtomicU64, Ordering};

use callrec_core::calls::{Caller, Filter};
use callrec_core::clock::unix_ms;
use callrec_core::memory;
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{RecordingState, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, by_user, call, open_engine_with, user};

#[test]
fn every_node_lists_the_recordings_of_all() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    // Starts in the same millisecond on two nodes have no order.
    let started = unix_ms();
    until("another millisecond", || unix_ms() > started);
    let b = n2.record(call("c-b", "SEP1", "102", "bob"));
    let c = n2.record(call("c-c", "SEP2", "101", "ann"));
    for node in [&n1, &n2] {
        node.wait_for_ids(&[&a, &b, &c]);
        let views = node.list(&Filter::default()).expect("a list");
        let order: Vec<String> = views.iter().map(|view| view.id.to_string()).collect();
        assert_eq!(order, [a.clone(), b.clone(), c.clone()], "the newest last");
        let nodes: Vec<&str> = views.iter().map(|view| view.node.as_str()).collect();
        assert_eq!(nodes, ["n1", "n2", "n2"]);
        let found = |filter: &Filter| {
            let views = node.list(filter).expect("a list");
            views.iter().map(|view| view.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(&by_user("ann")), [a.clone(), c.clone()]);
        let both = Filter::line(&Text::new("SEP1"), &Text::new("101"));
        assert_eq!(found(&both), [a.as_str()], "both must match");
        assert_eq!(found(&Filter::call(&Text::new("c-b"))), [b.as_str()]);
        assert!(found(&by_user("ANN")).is_empty());
    }
    // The lists of the engines remain their own.
    assert_eq!(
        n1.engine
            .list(&Caller::Host, &Filter::default())
            .expect("a list")
            .len(),
        1
    );
    // A closed node leaves nothing behind, and is not lost.
    n2.close();
    n1.wait_for_ids(&[&a]);
    assert!(
        n1.list(&Filter::default())
            .expect("a list")
            .iter()
            .all(|view| !view.is_unreachable)
    );
    assert!(n1.events.of(callrec_core::events::EventKind::NodeLost).is_empty());
}

#[test]
fn a_change_of_a_call_changes_its_indexes() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let info = call("c-a", "SEP1", "101", "ann");
    let (call, id) = super::test_node::record(&n1.engine, info).expect("a recording");
    n2.wait_for_ids(&[&id]);
    let update = callrec_core::calls::CallUpdate {
        username: Some("bob".into()),
        ..Default::default()
    };
    call.update(&update).expect("updated");
    let count = |name: &str| n2.list(&by_user(name)).map_or(0, |views| views.len());
    until("the new user", || count("bob") == 1 && count("ann") == 0);
    let view = n2.recorder.get(&Caller::Host, &id).expect("found");
    assert_eq!(
        (view.info.username.as_str(), view.state),
        ("bob", RecordingState::Recording)
    );
}

#[test]
fn pages_contain_every_recording_once() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let mut ids: Vec<String> = (0..23)
        .map(|number| {
            let node = if number % 3 == 0 { &n1 } else { &n2 };
            node.record(call(&format!("c-{number}"), "SEP1", "101", "ann"))
        })
        .collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    n1.wait_for_ids(&all);
    n2.wait_for_ids(&all);
    ids.sort();
    for (filter, limit) in [
        (Filter::default(), 5),
        (by_user("ann"), 4),
        (Filter::default(), 100),
    ] {
        let (mut cursor, mut found) = (String::new(), Vec::new());
        loop {
            let page = n1
                .recorder
                .list_page(&Caller::Host, &filter, &cursor, limit)
                .expect("a page");
            assert!(page.recordings.len() <= limit);
            found.extend(page.recordings.iter().map(|view| view.id.to_string()));
            cursor = page.cursor;
            if cursor.is_empty() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, ids, "limit {limit}");
    }
}

#[test]
fn the_rights_are_those_of_one_node() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    let status = |result: callrec_core::types::Result<usize>| result.map_err(|error| error.status);
    let listed = |caller, filter: &Filter| status(n2.recorder.list(&caller, filter).map(|views| views.len()));
    let got = |caller, id: &str| status(n2.recorder.get(&caller, id).map(|_| 1));
    assert_eq!(listed(user("ann", 2), &by_user("ann")), Ok(1));
    assert_eq!(listed(user("ann", 2), &Filter::default()), Err(Status::Forbidden));
    assert_eq!(listed(user("bob", 2), &by_user("ann")), Err(Status::Forbidden));
    assert_eq!(listed(user("", 0), &by_user("ann")), Err(Status::Unauthenticated));
    assert_eq!(got(user("ann", 2), &a), Ok(1));
    assert_eq!(got(user("bob", 10), &a), Ok(1));
    assert_eq!(got(user("bob", 2), &a), Err(Status::Forbidden));
    assert_eq!(got(user("bob", 2), "x"), Err(Status::Forbidden));
    assert_eq!(got(Caller::Host, "x"), Err(Status::InvalidId));
    assert_eq!(
        got(Caller::Host, &uuid::Uuid::nil().to_string()),
        Err(Status::NotLive)
    );
    assert_eq!(got(user("", 0), &a), Err(Status::Unauthenticated));
}

/// A page of 1,000 recordings does not fit into what the system gives, and neither does a list of two.
#[test]
fn a_list_for_which_there_is_no_memory_ends_in_an_error() {
    if !has_redis() {
        return;
    }
    static GIVEN_BYTES: AtomicU64 = AtomicU64::new(u64::MAX);
    let require = |bytes: u64| match bytes <= GIVEN_BYTES.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err(memory::exhausted()),
    };
    let server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let engine = open_engine_with(directory.to_str().expect("UTF-8"), |config| {
        config.require_memory = require;
    });
    let n1 = TestNode::of(engine, &server.url(), "n1", &[]);
    let n2 = TestNode::start(&server.url(), "n2", &[]);
    let ids = [
        n1.record(call("c-a", "SEP1", "101", "ann")),
        n2.record(call("c-b", "SEP2", "102", "bob")),
    ];
    n1.wait_for_ids(&[&ids[0], &ids[1]]);
    let page = |limit| n1.recorder.list_page(&Caller::Host, &by_user("bob"), "", limit);
    let refusal = |limit| page(limit).map(|_| ()).expect_err("no memory").status;
    GIVEN_BYTES.store(1 << 20, Ordering::SeqCst);
    assert_eq!(refusal(0), Status::Limit, "a page of Redis");
    assert_eq!(
        n1.recorder.list_live().map(|_| ()).expect_err("no memory").status,
        Status::Limit
    );
    assert_eq!(page(10).expect("a small page").recordings.len(), 1);
    GIVEN_BYTES.store(1 << 10, Ordering::SeqCst);
    assert_eq!(refusal(1), Status::Limit);
    let own = n1.list(&Filter::default()).map(|_| ()).expect_err("no memory");
    assert_eq!(own.status, Status::Limit, "the own recordings");
    GIVEN_BYTES.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(n1.list(&Filter::default()).expect("a list").len(), 2);
}
