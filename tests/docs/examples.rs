//! Code that CONTRIBUTING.md quotes, so that the compiler checks it.

use callrec_core::config_keys;
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome};
use callrec_core::keys::checks::{choice, number};
use callrec_core::storage::Job;

config_keys! {
    /// The settings of an example.
    pub struct ExampleConfig {
        "example.retry_ms" = "250" => retry_ms: u32, number(10..=5000),
            "Pause before the second attempt, {range} ms.";
        "example.mode" = "fast" => is_safe: bool, choice(&[("fast", false), ("safe", true)]),
            "\"safe\": each file is verified after it is written.";
    }
}

struct UploadAction;

async fn upload(job: &Job) -> Result<(), String> {
    match job.kind.as_str() {
        "upload" => Ok(()),
        other => Err(format!("the job is a {other}")),
    }
}

impl Action for UploadAction {
    fn kind(&self) -> &'static str {
        "upload"
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        Box::pin(async move {
            match upload(&job).await {
                Ok(()) => JobOutcome::Done,
                Err(error) => JobOutcome::retry(error),
            }
        })
    }
}

#[test]
fn the_quoted_settings_have_their_defaults() {
    let config = ExampleConfig::default();
    assert_eq!((config.retry_ms, config.is_safe), (250, false));
    let meaning = &ExampleConfig::described()[0].meaning;
    assert_eq!(meaning, "Pause before the second attempt, 10 to 5000 ms.");
    assert_eq!(UploadAction.kind(), "upload");
}
