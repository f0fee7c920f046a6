//! Performs jobs of the kind `callback`: each attempt sends one request to the receiver that the
//! start named.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::adopted_callbacks::AdoptedCallbacks;
use super::callback::{Callback, PLIVO, fields, request};
use crate::Gateway;
use crate::callbacks::{CallbackClient, CallbackUrl};
use crate::recording_url::shared_url_of;
use crate::vobiz::SignatureConfig;
use callrec_core::engine::JobPerformer;
use callrec_core::events::LogLevel;
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome, JobPace, RegisteredAction};
use callrec_core::storage::{CALLBACK, Job};

/// How long attempts in progress may continue when the gateway stops. A receiver whose response is
/// not received in time is called again.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// How long the gateway then waits for a stalled disk.
const DISK_WAIT: Duration = Duration::from_millis(250);

/// The callbacks of one gateway.
pub struct CallbackJobs {
    gateway: Arc<Gateway>,
    signatures: SignatureConfig,
    registration: OnceCell<Arc<RegisteredAction>>,
    adopted: Arc<AdoptedCallbacks>,
}

impl CallbackJobs {
    pub fn new(gateway: &Arc<Gateway>, signatures: &SignatureConfig) -> CallbackJobs {
        CallbackJobs {
            gateway: gateway.clone(),
            signatures: signatures.clone(),
            registration: OnceCell::new(),
            adopted: Arc::default(),
        }
    }

    /// Number of callbacks not answered yet.
    pub fn pending(&self) -> u64 {
        self.registration
            .get()
            .map_or(0, |registration| registration.pending())
    }

    /// From now on, adoptions wait until [`CallbackJobs::run`] has begun.
    pub fn attach(&self) {
        self.gateway.engine().add_job_performer(self.adopted.clone());
    }

    /// Performs callbacks until the gateway stops.
    pub async fn run(&self) {
        let registration = self.begin().await;
        if registration.is_some() {
            // A dropped sender means that the gateway has stopped.
            let _ = self.gateway.stopping().wait_for(|stopped| *stopped).await;
        }
        let until = Instant::now() + STOP_GRACE;
        if let Some(registration) = &registration {
            registration.withdraw(until);
        }
        let performer: Arc<dyn JobPerformer> = self.adopted.clone();
        self.gateway.engine().remove_job_performer(&performer);
        let adopted = self.adopted.clone();
        let wait = move || {
            adopted.stop(until, until + DISK_WAIT);
            if let Some(registration) = registration {
                registration.wait_until_stopped(until + DISK_WAIT);
            }
        };
        let _ = spawn_blocking(wait).await;
    }

    async fn begin(&self) -> Option<Arc<RegisteredAction>> {
        let gateway = &self.gateway;
        let client = spawn_blocking(CallbackClient::new).await.ok()?;
        let action = Arc::new(CallbackAction {
            gateway: gateway.clone(),
            signatures: self.signatures.clone(),
            client,
            runtime: Handle::current(),
        });
        let pace = pace(gateway);
        match gateway.engine().register_action(action.clone(), pace) {
            Ok(registration) => {
                self.adopted.begin(action, pace);
                let registration = self.registration.get_or_init(|| Arc::new(registration));
                Some(registration.clone())
            }
            Err(error) => {
                let message = format!(
                    "callbacks are not delivered until the gateway is started again: {}",
                    error.message
                );
                gateway.engine().bus().log(LogLevel::Error, message);
                None
            }
        }
    }
}

fn pace(gateway: &Gateway) -> JobPace {
    let config = gateway.config();
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let give_up = Duration::from_millis(config.callbacks_give_up_ms);
    JobPace {
        parallel: config.callbacks_parallel as usize,
        retry: ms(config.callbacks_retry_ms),
        retry_max: ms(config.callbacks_retry_max_ms),
        give_up: (!give_up.is_zero()).then_some(give_up),
        fair: true,
        slow_after: ms(config.callbacks_timeout_ms) / 4,
        jitter: false,
    }
}

#[derive(Clone)]
struct CallbackAction {
    gateway: Arc<Gateway>,
    signatures: SignatureConfig,
    client: CallbackClient,
    runtime: Handle,
}

impl Action for CallbackAction {
    fn kind(&self) -> &'static str {
        CALLBACK
    }

    fn receiver(&self, job: &Job) -> String {
        let address = Callback::of(job).and_then(|callback| CallbackUrl::parse(&callback.url).ok());
        address.map(|address| address.origin()).unwrap_or_default()
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let action = self.clone();
        let attempt = self.runtime.spawn(async move { action.attempt(&job).await });
        Box::pin(AbortOnDrop(attempt))
    }
}

/// A task that is aborted when its future is dropped.
struct AbortOnDrop(JoinHandle<JobOutcome>);

impl Future for AbortOnDrop {
    type Output = JobOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobOutcome> {
        let ended = Pin::new(&mut self.0).poll(context);
        ended.map(|ended| ended.unwrap_or_else(|_| JobOutcome::retry("a fault inside callrec")))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl CallbackAction {
    async fn attempt(&self, job: &Job) -> JobOutcome {
        let time = Duration::from_millis(self.gateway.config().callbacks_timeout_ms.into());
        // A payload without a receiver will never have one.
        let Some(callback) = Callback::of(job) else {
            return JobOutcome::GiveUp("its file names no receiver".to_owned());
        };
        let address = match CallbackUrl::parse(&callback.url) {
            Ok(address) => address,
            Err(error) => return JobOutcome::GiveUp(error.message),
        };
        match tokio::time::timeout(time, self.call(job, &callback, &address)).await {
            Ok(Ok(())) => JobOutcome::Done,
            Ok(Err(error)) => JobOutcome::retry(error),
            Err(_) => JobOutcome::retry(format!(
                "no response within {} ms (callbacks.timeout_ms)",
                time.as_millis()
            )),
        }
    }

    /// Calls the receiver. Only a 2xx status is success.
    async fn call(&self, job: &Job, callback: &Callback, address: &CallbackUrl) -> Result<(), String> {
        let gateway = &self.gateway;
        // Checked again, since the configuration may have changed since the start.
        let scope = address
            .scope(&gateway.config().callbacks_allow)
            .ok_or("callbacks.allow does not allow this receiver")?;
        let key = match callback.account.as_str() {
            "" => None,
            account => gateway
                .logins
                .signature_key(account)
                .await
                .map_err(|_| "the host could not provide the account's key")?,
        };
        let form = match callback.dialect.as_str() {
            PLIVO => self.signatures.plivo_v3,
            _ => self.signatures.vobiz_v3,
        };
        let recording = &job.recording;
        let record_url = shared_url_of(gateway, &recording.url);
        let fields = fields(recording, &callback.api_id, record_url);
        let request = request(address, callback, &fields, &job.key, form, key.as_deref());
        let request = request.map_err(|error| error.to_string())?;
        let status = self.client.send(address, scope, request).await?;
        if status.is_success() {
            return Ok(());
        }
        Err(format!("the receiver answered {status}"))
    }
}
