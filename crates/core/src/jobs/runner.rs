//! Performs the jobs of one kind: reads their files, begins attempts in the order of the
//! schedule, and stores the outcomes.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::action::{Action, JobOutcome};
use super::attempt::{PANICKED, RunningAttempt};
use super::pace::JobPace;
use super::pending_ages::PendingAges;
use super::registry::ActionRegistry;
use super::runner_handle::{RunnerHandle, RunnerStatus};
use super::schedule::{Attempt, AttemptEnd, JobSchedule};
use crate::clock::Clock;
use crate::storage::{Job, JobFiles, LOG_ERROR, LOG_WARNING};
use crate::sync::catch_panic;
use crate::task::{self, NextStep, Readiness, Runnable};

/// At most this many new jobs are read before attempts are polled again.
const BATCH: usize = 64;
/// 2025-01-01, before the first version of callrec. An earlier time is from an unset clock.
const CLOCK_IS_SET_MS: i64 = 1_735_689_600_000;

/// Performs the jobs of one kind, with one action.
pub struct JobRunner {
    pub action: Arc<dyn Action>,
    pub pace: JobPace,
    pub handle: Arc<RunnerHandle>,
    pub registry: Arc<ActionRegistry>,
    pub files: Arc<JobFiles>,
    pub clock: Arc<dyn Clock>,
}

/// A pending listing of all jobs on disk.
#[derive(Clone, Copy)]
struct PendingListing {
    due: Instant,
    failures: u32,
}

/// The state of an active runner.
struct RunnerState<'a> {
    runner: &'a JobRunner,
    schedule: JobSchedule,
    /// Jobs that are not read yet.
    new: VecDeque<Uuid>,
    listing: Option<PendingListing>,
    attempts: Vec<RunningAttempt>,
    ages: PendingAges,
}

impl JobRunner {
    /// The runner as a part, which ends once its action was withdrawn.
    pub fn runnable(self) -> Runnable {
        Runnable::new(self.handle.signal.clone(), async move { self.run().await })
    }

    async fn run(self) {
        let done = task::catch_panic(pin!(self.perform_all())).await;
        if let Err(panic) = done {
            let message = format!(
                "the jobs of the kind {} are not performed until a gateway is started again: a fault inside \
                 callrec: {panic}",
                self.handle.kind
            );
            self.files.log(LOG_ERROR, message);
        }
        let (handle, registry) = (self.handle.clone(), self.registry.clone());
        // Dropped first, so that the action's resources are freed when the runner reports its end.
        drop(self);
        registry.remove(&handle);
        handle.set_stopped();
    }

    async fn perform_all(&self) {
        task::until_ready(|| match self.handle.status() {
            RunnerStatus::Standby => Readiness::Pending(NextStep::Signalled),
            _ => Readiness::Ready(()),
        })
        .await;
        let mut state = RunnerState {
            runner: self,
            schedule: JobSchedule::new(self.pace),
            new: VecDeque::new(),
            listing: None,
            attempts: Vec::new(),
            ages: PendingAges::default(),
        };
        while self.handle.status() == RunnerStatus::Active {
            state.take_new();
            state.list_if_due().await;
            state.read_new().await;
            state.publish_pending();
            state.begin_attempts().await;
            state.end_attempts().await;
            state.publish_pending();
            task::suspend(state.next()).await;
        }
        state.finish().await;
    }

    /// Runs a disk operation, and turns a panic into an error.
    async fn guarded<T>(&self, body: Pin<&mut dyn Future<Output = std::io::Result<T>>>) -> Result<T, String> {
        match task::catch_panic(body).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(_) => Err(PANICKED.to_owned()),
        }
    }

    async fn read(&self, id: Uuid) -> Result<Option<Job>, String> {
        self.guarded(pin!(self.files.read(self.handle.kind, id))).await
    }

    fn receiver(&self, job: &Job) -> String {
        catch_panic(|| self.action.receiver(job)).unwrap_or_default()
    }

    /// How long the job has been queued, by the wall clock. 0 if that clock was not set.
    fn queued_for(&self, job: &Job) -> Duration {
        if job.queued_at_ms < CLOCK_IS_SET_MS {
            return Duration::ZERO;
        }
        let ms = self.clock.unix_ms().saturating_sub(job.queued_at_ms);
        Duration::from_millis(u64::try_from(ms).unwrap_or_default())
    }

    fn warn(&self, message: String) {
        self.files.log(LOG_WARNING, message);
    }
}

impl RunnerState<'_> {
    fn now(&self) -> Instant {
        self.runner.clock.now()
    }

    fn publish_pending(&mut self) {
        let pending = self.schedule.len() + self.new.len();
        self.runner.handle.set_pending(pending);
        let oldest = self.ages.oldest_ms();
        self.runner.handle.set_oldest(oldest);
        if self.new.is_empty() && self.listing.is_none() {
            self.runner.handle.note_read();
        }
    }

    fn take_new(&mut self) {
        let new = self.runner.handle.take_new();
        if new.all {
            let due = self.now();
            self.listing = Some(PendingListing { due, failures: 0 });
        }
        self.new.extend(new.ids);
    }

    /// Lists all jobs if a listing is due. A failed listing is retried, because the jobs on disk
    /// are not queued in any other way.
    async fn list_if_due(&mut self) {
        let Some(PendingListing { failures, .. }) = self.listing.filter(|listing| listing.due <= self.now())
        else {
            return;
        };
        let kind = self.runner.handle.kind;
        match self.runner.guarded(pin!(self.runner.files.list(kind))).await {
            Ok(all) => {
                self.listing = None;
                self.new.extend(all);
            }
            Err(error) => {
                if failures == 0 {
                    let message = format!(
                        "the jobs in .callrec/jobs/{kind} cannot be listed and wait, and callrec tries \
                             again: {error}"
                    );
                    self.runner.warn(message);
                }
                let failures = failures.saturating_add(1);
                let due = self.now() + self.runner.pace.back_off(failures);
                self.listing = Some(PendingListing { due, failures });
            }
        }
    }

    /// Reads a batch of new jobs and adds them to the schedule.
    async fn read_new(&mut self) {
        for _ in 0..BATCH {
            let Some(id) = self.new.pop_front() else { return };
            if self.schedule.contains(id) {
                continue;
            }
            let (receiver, before) = match self.runner.read(id).await {
                Ok(Some(job)) => {
                    self.ages.note(id, job.queued_at_ms);
                    (self.runner.receiver(&job), self.runner.queued_for(&job))
                }
                Ok(None) => continue,
                // The job is read again when its attempt begins.
                Err(_) => (String::new(), Duration::ZERO),
            };
            self.schedule.add(id, &receiver, before, self.now());
        }
    }

    async fn begin_attempts(&mut self) {
        while let Some(attempt) = self.schedule.next(self.now()) {
            match self.runner.read(attempt.id).await {
                Ok(Some(job)) => self.begin(attempt, job),
                // The file was removed or put aside.
                Ok(None) => {
                    let end = AttemptEnd::Done { is_prompt: true };
                    self.ages.forget(attempt.id);
                    self.schedule.done(&attempt, end, self.now());
                }
                Err(error) => {
                    let reason = format!("its file cannot be read: {error}");
                    self.postpone(&attempt, None, None, &reason);
                }
            }
        }
    }

    fn begin(&mut self, attempt: Attempt, job: Job) {
        let receiver = self.runner.receiver(&job);
        let performed = job.clone();
        match catch_panic(|| self.runner.action.perform(performed)) {
            Ok(future) => {
                let (begun, signal) = (self.now(), &self.runner.handle.signal);
                let running = RunningAttempt::new((attempt, job), receiver, future, begun, signal);
                self.attempts.push(running);
            }
            Err(_) => self.postpone(&attempt, Some(&job), None, PANICKED),
        }
    }

    /// Polls the attempts, and stores the outcomes of those that have ended.
    async fn end_attempts(&mut self) {
        let mut at = 0;
        while at < self.attempts.len() {
            match self.attempts[at].poll() {
                Some(outcome) => {
                    let ended = self.attempts.swap_remove(at);
                    self.end(&ended, outcome).await;
                }
                None => at += 1,
            }
        }
    }

    async fn end(&mut self, ended: &RunningAttempt, outcome: JobOutcome) {
        let attempt = &ended.attempt;
        let named = |reason: String| match ended.receiver.as_str() {
            "" => reason,
            receiver => format!("{receiver}: {reason}"),
        };
        match outcome {
            JobOutcome::Done => {
                let is_prompt =
                    self.now().saturating_duration_since(ended.begun) < self.runner.pace.slow_after;
                self.remove_file(attempt.id).await;
                self.ages.forget(attempt.id);
                self.schedule
                    .done(attempt, AttemptEnd::Done { is_prompt }, self.now());
            }
            JobOutcome::Retry { after, reason } if !self.is_too_old(attempt) => {
                self.postpone(attempt, Some(&ended.job), after, &named(reason));
            }
            JobOutcome::Waits { after, .. } if !self.is_too_old(attempt) => {
                self.schedule
                    .done(attempt, AttemptEnd::Waits { after }, self.now());
            }
            JobOutcome::Retry { reason, .. }
            | JobOutcome::Waits { reason, .. }
            | JobOutcome::GiveUp(reason) => {
                self.remove_file(attempt.id).await;
                let _ = catch_panic(|| self.runner.action.given_up(&ended.job, &reason));
                self.give_up(attempt, Some(&ended.job), &named(reason));
            }
        }
    }

    fn is_too_old(&self, attempt: &Attempt) -> bool {
        let give_up = self.runner.pace.give_up;
        give_up.is_some_and(|give_up| attempt.age.is_over(give_up, self.now()))
    }

    /// Schedules a failed attempt again. A job that cannot be read and is too old is left to the
    /// next runner.
    fn postpone(&mut self, attempt: &Attempt, job: Option<&Job>, after: Option<Duration>, reason: &str) {
        if self.is_too_old(attempt) {
            return self.give_up(attempt, job, reason);
        }
        let end = AttemptEnd::Failed { after };
        if self.schedule.done(attempt, end, self.now()) == 1 {
            let (id, kind) = (recording_of(attempt, job), self.runner.handle.kind);
            self.runner.warn(format!(
                "recording {id}: its {kind} failed and will be tried again: {reason}"
            ));
        }
    }

    fn give_up(&mut self, attempt: &Attempt, job: Option<&Job>, reason: &str) {
        let (id, kind) = (recording_of(attempt, job), self.runner.handle.kind);
        self.ages.forget(attempt.id);
        self.schedule.done(attempt, AttemptEnd::GivenUp, self.now());
        self.runner.warn(format!(
            "recording {id}: its {kind} failed and is given up: {reason}"
        ));
    }

    async fn remove_file(&self, id: Uuid) {
        let kind = self.runner.handle.kind;
        let finished = self
            .runner
            .guarded(pin!(self.runner.files.finish(kind, id)))
            .await;
        if let Err(error) = finished {
            // The next runner performs the job again.
            let message = format!(
                "recording {id}: its {kind} is done, but its file in .callrec/jobs/{kind} cannot be removed, so it \
                 may be repeated after a restart: {error}"
            );
            self.runner.warn(message);
        }
    }

    /// When the runner has to continue without a signal.
    fn next(&self) -> NextStep {
        if !self.new.is_empty() {
            return NextStep::Now;
        }
        let listing = self.listing.map(|listing| listing.due);
        let due = self.schedule.due().into_iter().chain(listing).min();
        due.map_or(NextStep::Signalled, NextStep::At)
    }

    /// Waits until the running attempts have ended or the time is over.
    async fn finish(&mut self) {
        while let RunnerStatus::Stopping(until) = self.runner.handle.status() {
            self.end_attempts().await;
            if self.attempts.is_empty() || self.now() >= until {
                return;
            }
            task::suspend(NextStep::At(until)).await;
        }
    }
}

/// The recording of an attempt, for the log. A job may have an id of its own.
fn recording_of(attempt: &Attempt, job: Option<&Job>) -> String {
    let recording = job
        .map(|job| job.recording.id.as_str())
        .filter(|id| !id.is_empty());
    recording.map_or_else(|| attempt.id.to_string(), str::to_owned)
}
