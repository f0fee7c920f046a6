//! Callbacks while the disk fails for a moment, files are damaged, and clocks are set.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callrec::storage::faults::{self, FaultPoint};
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, OFTEN, SOON, queued_jobs, until_empty};
use crate::receiver::{Behavior, Receiver};
use crate::server::{TestServer, start_gateway, stop_gateway};

/// At that step the first `times` askers meet `fault`.
fn fail(
    server: &TestServer,
    at: FaultPoint,
    times: usize,
    fault: fn() -> io::Result<()>,
) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let fault = move |step| {
        if step == at && counted.fetch_add(1, Ordering::SeqCst) < times {
            return fault();
        }
        Ok(())
    };
    faults::set(&server.dir.0, Arc::new(fault));
    asked
}

fn too_many_files() -> io::Result<()> {
    Err(io::Error::from_raw_os_error(24))
}

fn panic() -> io::Result<()> {
    panic!("planted");
}

fn comes_although(at: FaultPoint, times: usize, fault: fn() -> io::Result<()>) {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    // Owed before the gateway is there, and when it is there already.
    let old = recorded_without_gateway(&server, &receiver.url("/old"));
    let asked = fail(&server, at, times, fault);
    let gateway = start_gateway(&server.engine);
    assert_eq!(receiver.wait(1)[0].key(), old);
    until_empty(&server.dir.0);
    assert!(asked.load(Ordering::SeqCst) > times, "{at:?}");
    fail(&server, at, times, fault);
    let new = recorded_without_gateway(&server, &receiver.url("/new"));
    assert_eq!(receiver.wait(2)[1].key(), new);
    until_empty(&server.dir.0);
    faults::clear(&server.dir.0);
    stop_gateway(gateway);
    assert_eq!(receiver.received().len(), 2, "each once");
}

/// Started and stopped by the host.
fn recorded_without_gateway(server: &TestServer, url: &str) -> String {
    use callrec::capi::rec_stop_by_id;
    let start = crate::support::StartFields {
        call_id: Some(crate::server::FIRST),
        callback_url: Some(url),
        ..crate::support::StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    id
}

#[test]
fn a_job_that_cannot_be_read_for_a_while_is_delivered_then() {
    comes_although(FaultPoint::ReadJob, 3, too_many_files);
    comes_although(FaultPoint::ReadJob, 2, panic);
}

#[test]
fn jobs_that_cannot_be_listed_for_a_while_are_performed_then() {
    comes_although(FaultPoint::ListJobs, 3, too_many_files);
    comes_although(FaultPoint::ListJobs, 2, panic);
}

#[test]
fn a_damaged_job_is_put_aside_and_delays_no_other() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    let id = recorded_without_gateway(&server, &receiver.url("/damaged"));
    let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
    fs::write(&file, b"{\"queued_at_ms\":").unwrap();
    let gateway = start_gateway(&server.engine);
    let other = recorded_without_gateway(&server, &receiver.url("/whole"));
    assert_eq!(receiver.wait(1)[0].key(), other);
    until("only what was put aside is left", || {
        queued_jobs(&server.dir.0) == [format!("{id}.json.bad")]
    });
    stop_gateway(gateway);
}

/// It would otherwise be tried until `callbacks.give_up_ms` have passed, to no end.
#[test]
fn a_job_that_names_no_receiver_is_given_up_at_once() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN, ("callbacks.give_up_ms", "0")]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    for payload in [serde_json::json!(7), serde_json::json!({ "url": "gopher://x/" })] {
        let id = recorded_without_gateway(&server, &receiver.url("/hook"));
        let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
        let text = fs::read_to_string(&file).unwrap();
        let mut said: serde_json::Value = serde_json::from_str(&text).unwrap();
        said["payload"] = payload;
        fs::write(&file, said.to_string()).unwrap();
    }
    let gateway = start_gateway(&server.engine);
    until_empty(&server.dir.0);
    assert!(receiver.received().is_empty());
    stop_gateway(gateway);
}

/// A job of an earlier gateway that was queued at this time, by the clock of then.
fn found_from(queued_at_ms: u64, receiver: &Receiver, server: &TestServer) -> String {
    server.stop_gateway();
    let id = recorded_without_gateway(server, &receiver.url("/hook"));
    let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
    let text = fs::read_to_string(&file).unwrap();
    let mut said: serde_json::Value = serde_json::from_str(&text).unwrap();
    said["queued_at_ms"] = queued_at_ms.into();
    fs::write(&file, said.to_string()).unwrap();
    id
}

#[test]
fn what_was_owed_before_the_clock_was_set_is_not_old() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::Answers(500));
    let id = found_from(60_000, &receiver, &server);
    let gateway = start_gateway(&server.engine);
    receiver.wait(15);
    assert_eq!(queued_jobs(&server.dir.0), [format!("{id}.json")]);
    receiver.set_behavior(Behavior::Answers(200));
    until_empty(&server.dir.0);
    stop_gateway(gateway);
}

#[test]
fn what_looks_old_is_tried_ten_times_before_it_is_given_up() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::Answers(500));
    // 2025-06-01
    found_from(1_748_736_000_000, &receiver, &server);
    let gateway = start_gateway(&server.engine);
    until_empty(&server.dir.0);
    assert_eq!(receiver.received().len(), 10);
    receiver.set_behavior(Behavior::Answers(200));
    let next = recorded_without_gateway(&server, &receiver.url("/next"));
    assert_eq!(receiver.wait(11)[10].key(), next);
    stop_gateway(gateway);
}
