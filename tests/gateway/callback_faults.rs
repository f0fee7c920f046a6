//! Callbacks with a disk that fails for a time, damaged files and clocks that are set.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callrec::capi::rec_stop_by_id;
use callrec_testkit::disk_faults::{self, FaultPoint, MakeError};
use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::callbacks::{ALLOW, RETRY_MAX_MS, RETRY_MS, queued_jobs, until_empty};
use crate::receiver::{Behavior, Receiver};
use crate::server::{FIRST, TestServer, start_gateway, stop_gateway};
use crate::support::StartFields;

/// Fails at one step, the first `times` times. The result counts how often the step is reached.
fn fail_and_count(
    server: &TestServer,
    failing: FaultPoint,
    times: usize,
    error: MakeError,
) -> Arc<AtomicUsize> {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = reached.clone();
    disk_faults::set(&server.dir, move |step| {
        if step == failing && counter.fetch_add(1, Ordering::SeqCst) < times {
            return Err(error());
        }
        Ok(())
    });
    reached
}

fn too_many_files() -> io::Error {
    io::Error::from_raw_os_error(24)
}

fn panic() -> io::Error {
    panic!("planted");
}

/// Checks that a step which fails `times` times delays callbacks but loses none: neither one that
/// is pending when the gateway starts, nor one that is queued later.
fn assert_delivered_despite(at: FaultPoint, times: usize, error: MakeError) {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    let old = record_by_the_host(&server, &receiver.url("/old"));
    let reached = fail_and_count(&server, at, times, error);
    let gateway = start_gateway(&server.engine);
    assert_eq!(receiver.wait(1)[0].key(), old);
    until_empty(&server.dir.0);
    assert!(reached.load(Ordering::SeqCst) > times, "{at:?}");
    fail_and_count(&server, at, times, error);
    let new = record_by_the_host(&server, &receiver.url("/new"));
    assert_eq!(receiver.wait(2)[1].key(), new);
    until_empty(&server.dir.0);
    disk_faults::clear(&server.dir);
    stop_gateway(gateway);
    assert_eq!(receiver.received().len(), 2, "each callback arrives once");
}

/// A recording with a callback that the host starts and stops. Returns its id.
fn record_by_the_host(server: &TestServer, url: &str) -> String {
    let start = StartFields {
        call_id: Some(FIRST),
        callback_url: Some(url),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    id
}

#[test]
fn a_job_that_cannot_be_read_for_a_time_is_delivered_later() {
    assert_delivered_despite(FaultPoint::ReadJob, 3, too_many_files);
    assert_delivered_despite(FaultPoint::ReadJob, 2, panic);
}

#[test]
fn jobs_that_cannot_be_listed_for_a_time_are_performed_later() {
    assert_delivered_despite(FaultPoint::ListJobs, 3, too_many_files);
    assert_delivered_despite(FaultPoint::ListJobs, 2, panic);
}

#[test]
fn a_damaged_job_is_renamed_and_delays_no_other() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    let id = record_by_the_host(&server, &receiver.url("/damaged"));
    let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
    fs::write(&file, b"{\"queued_at_ms\":").unwrap();
    let gateway = start_gateway(&server.engine);
    let other = record_by_the_host(&server, &receiver.url("/whole"));
    assert_eq!(receiver.wait(1)[0].key(), other);
    until("only the damaged job remains", || {
        queued_jobs(&server.dir.0) == [format!("{id}.json.bad")]
    });
    stop_gateway(gateway);
}

/// Otherwise the job would be retried until `callbacks.give_up_ms` have passed.
#[test]
fn a_job_without_a_valid_url_is_given_up_at_once() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS, ("callbacks.give_up_ms", "0")]);
    let receiver = Receiver::new(Behavior::Answers(200));
    server.stop_gateway();
    for payload in [json!(7), json!({ "url": "gopher://x/" })] {
        let id = record_by_the_host(&server, &receiver.url("/hook"));
        let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
        change_job(&file, |job| job["payload"] = payload);
    }
    let gateway = start_gateway(&server.engine);
    until_empty(&server.dir.0);
    assert!(receiver.received().is_empty());
    stop_gateway(gateway);
}

fn change_job(file: &Path, change: impl FnOnce(&mut Value)) {
    let text = fs::read_to_string(file).unwrap();
    let mut job: Value = serde_json::from_str(&text).unwrap();
    change(&mut job);
    fs::write(file, job.to_string()).unwrap();
}

/// Stops the gateway and leaves a job that was queued at this time. Returns its recording's id.
fn leave_job_of(queued_at_ms: u64, receiver: &Receiver, server: &TestServer) -> String {
    server.stop_gateway();
    let id = record_by_the_host(server, &receiver.url("/hook"));
    let file = server.dir.0.join(format!(".callrec/jobs/callback/{id}.json"));
    change_job(&file, |job| job["queued_at_ms"] = queued_at_ms.into());
    id
}

#[test]
fn a_job_queued_before_the_clock_was_set_is_not_given_up() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::Answers(500));
    let id = leave_job_of(60_000, &receiver, &server);
    let gateway = start_gateway(&server.engine);
    receiver.wait(15);
    assert_eq!(queued_jobs(&server.dir.0), [format!("{id}.json")]);
    receiver.set_behavior(Behavior::Answers(200));
    until_empty(&server.dir.0);
    stop_gateway(gateway);
}

#[test]
fn a_job_that_seems_old_is_tried_ten_times_before_it_is_given_up() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::Answers(500));
    // 2025-06-01
    leave_job_of(1_748_736_000_000, &receiver, &server);
    let gateway = start_gateway(&server.engine);
    until_empty(&server.dir.0);
    assert_eq!(receiver.received().len(), 10);
    receiver.set_behavior(Behavior::Answers(200));
    let next = record_by_the_host(&server, &receiver.url("/next"));
    assert_eq!(receiver.wait(11)[10].key(), next);
    stop_gateway(gateway);
}
