//! Long-running parts of the engine, executed step by step.
//!
//! Each step of a [`Part`] does some work and returns when the next step is due. In production
//! each part has its own thread ([`run`]). A simulator runs the steps of all parts on one
//! thread, in an order that it chooses.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::clock::Clock;
use crate::sync::{self, Condvar, Mutex};

/// When a part's next step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Immediately.
    Now,
    /// At this time, or earlier if the part's signal is notified.
    At(Instant),
    /// When the part's signal is notified.
    Signalled,
    /// Never: the part has finished.
    Over,
}

/// A part of the engine that runs until the engine closes.
pub trait Part {
    /// Does some work. Waits for nothing except the disk.
    fn step(&mut self, now: Instant) -> NextStep;
}

/// Wakes the parts that wait for it. A notification that arrives while no part waits is not lost.
#[derive(Default)]
pub struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    /// Number of notifications so far.
    count: u64,
    /// Number of waiting parts. While none waits, a notification makes no system call.
    waiting: usize,
}

impl Signal {
    /// Wakes every waiting part.
    pub fn notify_all(&self) {
        if self.notify() {
            self.changed.notify_all();
        }
    }

    /// Wakes one waiting part.
    pub fn notify_one(&self) {
        if self.notify() {
            self.changed.notify_one();
        }
    }

    /// Counts a notification. Returns whether any part waits for it.
    fn notify(&self) -> bool {
        let mut state = self.state.lock();
        state.count += 1;
        state.waiting > 0
    }

    /// Number of notifications so far.
    pub fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// Waits until the count of notifications differs from `seen`, or until `until`.
    pub fn wait(&self, seen: u64, until: Option<Instant>) {
        let mut state = self.state.lock();
        state.waiting += 1;
        while state.count == seen {
            match until {
                None => self.changed.wait(&mut state),
                Some(until) => {
                    if self.changed.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.waiting -= 1;
    }
}

thread_local! {
    /// The signals to notify at the end of this thread's current step; `None` outside a step. It has
    /// no destructor, because the C library ends a process that has no memory to register one.
    static AT_END: RefCell<Option<ManuallyDrop<Vec<Arc<Signal>>>>> = const { RefCell::new(None) };
}

/// Notifies a signal at the end of the calling thread's current step, so that a step with work for
/// another part wakes it once; outside a step, immediately.
pub fn notify_at_end(signal: &Arc<Signal>) {
    let is_noted = AT_END.with_borrow_mut(|signals| {
        let Some(signals) = signals else {
            return false;
        };
        if !signals.iter().any(|noted| Arc::ptr_eq(noted, signal)) {
            signals.push(Arc::clone(signal));
        }
        true
    });
    if !is_noted {
        signal.notify_all();
    }
}

/// The current step of this thread. When it is dropped, the noted signals are notified.
struct CurrentStep {
    /// A step within a step leaves the signals to the outer one.
    is_outermost: bool,
}

impl CurrentStep {
    /// In a model, threads share what is local to a thread, so each signal is notified immediately.
    fn begin() -> CurrentStep {
        let is_model = cfg!(any(callrec_loom, callrec_shuttle));
        let is_outermost = !is_model && AT_END.with_borrow(Option::is_none);
        if is_outermost {
            AT_END.set(Some(ManuallyDrop::new(Vec::new())));
        }
        CurrentStep { is_outermost }
    }
}

impl Drop for CurrentStep {
    fn drop(&mut self) {
        if self.is_outermost {
            let signals = AT_END.take().map(ManuallyDrop::into_inner);
            signals.iter().flatten().for_each(|signal| signal.notify_all());
        }
    }
}

/// Thread body: runs a part's steps until it has finished.
pub fn run(part: &mut dyn Part, signal: &Signal, clock: &dyn Clock) {
    run_until(part, signal, clock, None);
}

/// Runs a part's steps. Returns false if it has not finished at `until`. Runs at least one step, and
/// interrupts none.
fn run_until(part: &mut dyn Part, signal: &Signal, clock: &dyn Clock, until: Option<Instant>) -> bool {
    loop {
        let seen = signal.count();
        let step = CurrentStep::begin();
        let next = part.step(clock.now());
        drop(step);
        if next == NextStep::Over {
            return true;
        }
        if until.is_some_and(|until| clock.now() >= until) {
            return false;
        }
        match next {
            NextStep::Now | NextStep::Over => {}
            NextStep::At(moment) => {
                signal.wait(seen, Some(until.map_or(moment, |until| until.min(moment))));
            }
            NextStep::Signalled => signal.wait(seen, until),
        }
    }
}

/// A part that is written as one async function. A step runs it to its next suspension.
pub struct Task<'a>(Pin<Box<dyn Future<Output = ()> + 'a>>);

impl<'a> Task<'a> {
    pub fn new(body: impl Future<Output = ()> + 'a) -> Task<'a> {
        Task(Box::pin(body))
    }
}

thread_local! {
    /// When the suspended function of this thread's current step is to be resumed.
    static RESUME: Cell<NextStep> = const { Cell::new(NextStep::Now) };
}

impl Part for Task<'_> {
    fn step(&mut self, _: Instant) -> NextStep {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => NextStep::Over,
            Poll::Pending => RESUME.get(),
        }
    }
}

/// Ends the current step. The step at `next` continues here.
pub async fn suspend(next: NextStep) {
    let mut suspended = false;
    until_ready(|| match std::mem::replace(&mut suspended, true) {
        true => Readiness::Ready(()),
        false => Readiness::Pending(next),
    })
    .await;
}

/// Calls `poll` once in each step until it returns a value.
pub async fn until_ready<T>(mut poll: impl FnMut() -> Readiness<T>) -> T {
    poll_fn(|_| match poll() {
        Readiness::Ready(value) => Poll::Ready(value),
        Readiness::Pending(next) => {
            RESUME.set(next);
            Poll::Pending
        }
    })
    .await
}

/// A value, or when to poll for it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness<T> {
    Ready(T),
    Pending(NextStep),
}

/// Blocks the calling thread until `poll` returns a value. Polls again on every notification of
/// `signal`.
pub fn wait_until_ready<T>(signal: &Signal, mut poll: impl FnMut() -> Readiness<T>) -> T {
    loop {
        let seen = signal.count();
        match poll() {
            Readiness::Ready(value) => return value,
            Readiness::Pending(NextStep::Now) => {}
            Readiness::Pending(NextStep::At(moment)) => signal.wait(seen, Some(moment)),
            Readiness::Pending(NextStep::Signalled | NextStep::Over) => signal.wait(seen, None),
        }
    }
}

/// A part and the signal that wakes it.
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

    /// Runs the part on the calling thread. Returns false if it has not finished at `until`.
    pub fn run_until(mut self, clock: &dyn Clock, until: Instant) -> bool {
        run_until(&mut *self.part, &self.signal, clock, Some(until))
    }

    /// Thread body: returns when the part has finished.
    pub fn run(mut self, clock: &dyn Clock) {
        run(&mut *self.part, &self.signal, clock);
    }
}

/// Runs `body` to its end on the calling thread.
pub fn block_on<T>(body: impl Future<Output = T>, clock: &dyn Clock) -> T {
    let mut done = None;
    run(
        &mut Task::new(async { done = Some(body.await) }),
        &Signal::default(),
        clock,
    );
    match done {
        Some(done) => done,
        None => unreachable!("a task finishes when its function returns"),
    }
}

/// Runs `body`. Returns the message of a panic as an error. See [`sync::catch_panic`].
///
/// The caller pins the body (`pin!`): an async function keeps an argument that it has moved in both
/// places, so that bodies within bodies would double the state of the outermost, which a writer moves
/// for each recording that it serves.
pub async fn catch_panic<T>(mut body: Pin<&mut dyn Future<Output = T>>) -> Result<T, String> {
    poll_fn(
        |context| match sync::catch_panic(|| body.as_mut().poll(context)) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::time::Duration;

    struct NotifyingPart {
        signal: Arc<Signal>,
        /// Notifications of the signal at the end of the step's body.
        within: Vec<u64>,
    }

    impl Part for NotifyingPart {
        fn step(&mut self, _: Instant) -> NextStep {
            notify_at_end(&self.signal);
            block_on(async { notify_at_end(&self.signal) }, &SystemClock);
            self.within.push(self.signal.count());
            match self.within.len() {
                3 => NextStep::Over,
                _ => NextStep::Now,
            }
        }
    }

    #[test]
    fn a_step_notifies_a_signal_once_and_at_its_end() {
        let signal = Arc::<Signal>::default();
        let mut part = NotifyingPart {
            signal: Arc::clone(&signal),
            within: Vec::new(),
        };
        run(&mut part, &Signal::default(), &SystemClock);
        assert_eq!((part.within, signal.count()), (vec![0, 1, 2], 3));
        notify_at_end(&signal);
        assert_eq!(signal.count(), 4, "outside a step, immediately");
    }

    /// Otherwise the other part would wait for a signal that never comes.
    #[test]
    fn a_step_that_panics_notifies() {
        let signal = Arc::<Signal>::default();
        let noted = Arc::clone(&signal);
        let body = async move {
            notify_at_end(&noted);
            panic!("planted");
        };
        let run = std::panic::AssertUnwindSafe(|| block_on(body, &SystemClock));
        assert!(std::panic::catch_unwind(run).is_err());
        assert_eq!(signal.count(), 1);
    }

    #[test]
    fn only_a_waiting_part_is_notified() {
        let signal = Signal::default();
        assert!(!signal.notify(), "nobody waits");
        signal.wait(0, None);
        std::thread::scope(|scope| {
            scope.spawn(|| signal.wait(1, None));
            while signal.state.lock().waiting == 0 {
                std::thread::yield_now();
            }
            // Otherwise the test does not end.
            signal.notify_one();
        });
        signal.wait(signal.count(), Some(Instant::now() + Duration::from_millis(1)));
        assert!(!signal.notify(), "both waits are over");
    }
}
