//! Tests with real threads: a worker, a feeder that waits for free space, and a controller.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::sim::{RecordingOptions, SinkEnd, config};
use crate::{CallTap, ClockMode, MediaStats, NoReport, OverflowPool, WorkerInbox};
use callrec_base::clock::{SystemClock, coarse_ns};
use callrec_base::task::{NextStep, Readiness};
use callrec_base::types::{EndReason, PauseMode, Status};

const PACKETS: u64 = 6000;

/// Feeds both legs. Reports its progress to the controller and waits for the reply.
fn feed(call: &Arc<CallTap>, progress: &mpsc::Sender<u64>, resume: &mpsc::Receiver<()>) {
    let mut feeds = [Leg::Local, Leg::Remote].map(|leg| (leg, call.attach(leg, PCM, lease(call, PCM))));
    for n in 0..PACKETS {
        for (leg, feed) in &mut feeds {
            let bytes = pcm(*leg, n * 160, 160);
            loop {
                match feed.write(&bytes, coarse_ns()) {
                    Status::Overrun => {
                        assert!(feed.waiter().wait(Duration::from_secs(60)));
                    }
                    status => break assert_eq!(status, Status::Ok),
                }
            }
        }
        if n % 500 == 499 {
            progress.send(n + 1).expect("the controller listens");
            resume.recv().expect("the controller answers");
        }
    }
}

#[test]
fn a_fast_feeder_and_a_controller_run_concurrently() {
    let stats = Arc::<MediaStats>::default();
    let settings = Arc::new(config(ClockMode::Stream));
    let worker = WorkerInbox::new(settings.clone(), stats.clone(), 0);
    let thread = std::thread::spawn({
        let worker = worker.clone();
        move || worker.worker().run(&SystemClock)
    });
    let call = CallTap::new(
        1,
        settings,
        stats.clone(),
        OverflowPool::new(0),
        worker.clone(),
        Arc::new(NoReport),
    );
    let (recording, spec) = SimRecording::new(
        99,
        RecordingOptions {
            pause_mode: PauseMode::Skip,
            ..RecordingOptions::default()
        },
    );
    call.start(spec);
    let (progress, receiver) = mpsc::channel();
    let (reply, resume) = mpsc::channel();
    let feeder = std::thread::spawn({
        let call = call.clone();
        move || feed(&call, &progress, &resume)
    });
    let mut recorded = vec![(0, PACKETS)];
    while let Ok(packets) = receiver.recv() {
        match packets / 500 % 2 {
            1 => {
                call.pause(recording.id);
                if let Some(last) = recorded.last_mut() {
                    last.1 = packets;
                }
            }
            _ => {
                call.resume(recording.id);
                recorded.push((packets, PACKETS));
            }
        }
        reply.send(()).expect("the feeder waits");
    }
    feeder.join().expect("no panic in the feeder");
    call.stop(recording.id, EndReason::Stopped);
    call.end(EndReason::CallEnded);
    worker.stop();
    thread.join().expect("no panic in the worker");
    let expected = |leg| -> Vec<i16> {
        recorded
            .iter()
            .flat_map(|(from, to)| samples(leg, from * 160, (to - from) * 160))
            .collect()
    };
    let out = recording.out.lock();
    assert!(out.channel(0) == expected(Leg::Local) && out.channel(1) == expected(Leg::Remote));
    assert_eq!(stats.frames_in(), 2 * PACKETS);
    let open = matches!(out.ending, Some(SinkEnd::Finished(EndReason::Stopped, _)));
    assert!(open && out.lost_ns == 0);
}

#[test]
fn a_waiter_returns_when_the_feed_is_closed() {
    let settings = Arc::new(config(ClockMode::Stream));
    // No worker runs, so the ring stays full.
    let worker = WorkerInbox::new(settings.clone(), Arc::default(), 0);
    let call = CallTap::new(
        1,
        settings,
        Arc::default(),
        OverflowPool::new(0),
        worker.clone(),
        Arc::new(NoReport),
    );
    let mut feed = call.attach(Leg::Local, PCM, lease(&call, PCM));
    let waiter = feed.waiter();
    let wait = waiter.begin(Duration::from_secs(600));
    assert_eq!(waiter.poll(&wait), Readiness::Ready(true));
    while feed.write(&[0; 320], coarse_ns()) == Status::Ok {}
    assert!(matches!(waiter.poll(&wait), Readiness::Pending(NextStep::At(_))));
    assert!(!waiter.wait(Duration::ZERO));
    let waiting = std::thread::spawn({
        let waiter = waiter.clone();
        move || waiter.wait(Duration::from_secs(600))
    });
    call.detach(Leg::Local, feed);
    assert!(!waiting.join().expect("no panic"));
    assert_eq!(waiter.poll(&wait), Readiness::Ready(false));
    worker.stop();
}

#[test]
fn the_last_visit_processes_all_audio() {
    let settings = Arc::new(config(ClockMode::Stream));
    let worker = WorkerInbox::new(settings.clone(), Arc::default(), 0);
    let call = CallTap::new(
        1,
        settings,
        Arc::default(),
        OverflowPool::new(0),
        worker.clone(),
        Arc::new(NoReport),
    );
    let (recording, spec) = SimRecording::new(99, RecordingOptions::default());
    call.start(spec);
    let mut feed = call.attach(Leg::Local, PCM, lease(&call, PCM));
    // Half an hour of silence is between them.
    for at in [0, 14_000_000] {
        assert_eq!(
            feed.write_at(at, &pcm(Leg::Local, at, 160), coarse_ns()),
            Status::Ok
        );
    }
    call.end(EndReason::CallEnded);
    worker.stop();
    worker.worker().run(&SystemClock);
    let out = recording.out.lock();
    assert_eq!(out.frames(), 14_000_160);
    assert_eq!(out.ending, Some(SinkEnd::Finished(EndReason::CallEnded, None)));
}
