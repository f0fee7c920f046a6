//! What runs for as long as the engine does, one step at a time.
//!
//! A [`Part`] does some work and says when it wants to go on. In production each part has a
//! thread of its own ([`run`]); a simulator takes the steps of all parts on one thread, in an
//! order of its own.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::clock::Clock;
use crate::sync::{Condvar, Mutex, contained};

/// When a part wants to take its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once.
    Now,
    /// At this moment, or when it is signalled.
    At(Instant),
    /// When it is signalled.
    Signalled,
    /// Never: it has come to its end.
    Over,
}

/// Something that runs for as long as the engine does.
pub trait Part {
    /// Does some work, without waiting for anything but the disk.
    fn step(&mut self, now: Instant) -> Next;
}

/// Wakes those parts that wait for it. What is signalled while nobody waits is not lost.
#[derive(Default)]
pub struct Signal {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    /// Wakes every part that waits.
    pub fn notify_all(&self) {
        *self.count.lock() += 1;
        self.changed.notify_all();
    }

    /// Wakes one part that waits.
    pub fn notify_one(&self) {
        *self.count.lock() += 1;
        self.changed.notify_one();
    }

    /// How often it was signalled.
    pub fn count(&self) -> u64 {
        *self.count.lock()
    }

    /// Waits until it was signalled more often than `seen`, or until the moment `until`.
    pub(crate) fn wait(&self, seen: u64, until: Option<Instant>) {
        let mut count = self.count.lock();
        while *count == seen {
            match until {
                None => self.changed.wait(&mut count),
                Some(until) => {
                    if self.changed.wait_until(&mut count, until).timed_out() {
                        return;
                    }
                }
            }
        }
    }
}

/// A thread's body: takes a part's steps until it is over.
pub fn run(part: &mut dyn Part, signal: &Signal, clock: &dyn Clock) {
    loop {
        let seen = signal.count();
        match part.step(clock.now()) {
            Next::Now => {}
            Next::At(moment) => signal.wait(seen, Some(moment)),
            Next::Signalled => signal.wait(seen, None),
            Next::Over => return,
        }
    }
}

/// A part that is written down as one function, which is left wherever it waits.
pub struct Task<'a>(Pin<Box<dyn Future<Output = ()> + 'a>>);

impl<'a> Task<'a> {
    pub fn new(body: impl Future<Output = ()> + 'a) -> Task<'a> {
        Task(Box::pin(body))
    }
}

thread_local! {
    /// Why the function of the step that this thread takes was left.
    static LEFT: Cell<Next> = const { Cell::new(Next::Now) };
}

impl Part for Task<'_> {
    fn step(&mut self, _: Instant) -> Next {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => Next::Over,
            Poll::Pending => LEFT.get(),
        }
    }
}

/// Ends the step; the next one goes on here.
pub async fn leave(next: Next) {
    let mut left = false;
    until(|| match std::mem::replace(&mut left, true) {
        true => Answer::Ready(()),
        false => Answer::AskAgain(next),
    })
    .await;
}

/// Asks in each step until there is an answer.
pub async fn until<T>(mut ask: impl FnMut() -> Answer<T>) -> T {
    poll_fn(|_| match ask() {
        Answer::Ready(answer) => Poll::Ready(answer),
        Answer::AskAgain(next) => {
            LEFT.set(next);
            Poll::Pending
        }
    })
    .await
}

/// What was asked for, or when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    Ready(T),
    AskAgain(Next),
}

/// For a thread that may wait: asks until there is an answer, again whenever it is signalled.
pub(crate) fn wait_for_answer<T>(signal: &Signal, mut ask: impl FnMut() -> Answer<T>) -> T {
    loop {
        let seen = signal.count();
        match ask() {
            Answer::Ready(answer) => return answer,
            Answer::AskAgain(Next::Now) => {}
            Answer::AskAgain(Next::At(moment)) => signal.wait(seen, Some(moment)),
            Answer::AskAgain(Next::Signalled | Next::Over) => signal.wait(seen, None),
        }
    }
}

/// A part that is ready to run, and what wakes it.
pub struct Runnable {
    pub part: Box<dyn Part>,
    pub signal: Arc<Signal>,
}

impl Runnable {
    pub fn new(signal: Arc<Signal>, body: impl Future<Output = ()> + 'static) -> Runnable {
        Runnable {
            part: Box::new(Task::new(body)),
            signal,
        }
    }

    pub fn of(signal: Arc<Signal>, part: impl Part + 'static) -> Runnable {
        Runnable {
            part: Box::new(part),
            signal,
        }
    }

    /// A thread's body: returns once the part is over.
    pub fn run(mut self, clock: &dyn Clock) {
        run(&mut *self.part, &self.signal, clock);
    }
}

/// For a thread that may wait: comes back when all is done.
pub fn block_on<T>(body: impl Future<Output = T>, clock: &dyn Clock) -> T {
    let mut done = None;
    run(
        &mut Task::new(async { done = Some(body.await) }),
        &Signal::default(),
        clock,
    );
    match done {
        Some(done) => done,
        None => unreachable!("a task is over once its function has returned"),
    }
}

/// Runs `body`; a panic ends it alone, and comes back in its own words. See [`contained`].
pub async fn contain<T>(body: impl Future<Output = T>) -> Result<T, String> {
    let mut body = pin!(body);
    poll_fn(|context| match contained(|| body.as_mut().poll(context)) {
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
