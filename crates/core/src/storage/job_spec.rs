//! The jobs that a start requests for the time after the recording has ended.

use super::fragment::Fragment;
use crate::types::{Error, Result, Status};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The only kind of job in 0.1.0. Manifests have a separate member for it.
pub const CALLBACK: &str = "callback";

/// The kind of the jobs that upload recordings.
pub const UPLOAD: &str = "upload";
/// The kind of the jobs that add the ends of recordings to the stream of a cluster.
pub const END_JOB: &str = "cluster-end";
/// The kind of the jobs that remove uploaded copies.
pub const UPLOAD_REMOVAL: &str = "upload-removal";
/// The kind of the jobs that give uploaded copies the legal holds of their recordings.
pub const UPLOAD_HOLD: &str = "upload-hold";

const KIND_MAX: usize = 32;

/// One job that a start requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The kind of the action that performs the job: 1 to 32 lower-case letters, digits, `-` or
    /// `_`.
    pub kind: String,
    /// The action's parameters. Core passes them on unchanged.
    #[serde(default)]
    pub payload: Fragment,
}

impl JobSpec {
    pub fn new(kind: &str, payload: &impl Serialize) -> JobSpec {
        JobSpec {
            kind: kind.to_owned(),
            payload: Fragment::of(payload),
        }
    }
}

/// Whether `name` is valid as a kind of job: 1 to 32 lower-case letters, digits, `-` or `_`. A
/// directory has this name.
pub fn is_kind(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=KIND_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// The jobs of one recording, at most one of each kind. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobSpecs(Option<Arc<[JobSpec]>>);

impl JobSpecs {
    /// Fails if two jobs have the same kind, or if a kind is not valid.
    pub fn new(jobs: Vec<JobSpec>) -> Result<JobSpecs> {
        let specs = JobSpecs::usable(jobs.clone());
        if specs.all().len() < jobs.len() {
            let kinds: Vec<&str> = jobs.iter().map(|job| job.kind.as_str()).collect();
            let message = format!("jobs: each kind must be valid and occur only once, unlike {kinds:?}");
            return Err(Error::new(Status::InvalidArgument, message));
        }
        Ok(specs)
    }

    /// Keeps the jobs with a valid kind, and only the first of each kind.
    pub fn usable(mut jobs: Vec<JobSpec>) -> JobSpecs {
        let mut kinds = Vec::new();
        jobs.retain(|job| {
            let is_usable = is_kind(&job.kind) && !kinds.contains(&job.kind);
            kinds.push(job.kind.clone());
            is_usable
        });
        JobSpecs((!jobs.is_empty()).then(|| jobs.into()))
    }

    pub fn all(&self) -> &[JobSpec] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_one_job_of_each_kind() {
        let jobs = |kinds: &[&str]| {
            let jobs = kinds.iter().map(|kind| JobSpec::new(kind, &7));
            JobSpecs::new(jobs.collect())
        };
        assert_eq!(jobs(&[]), Ok(JobSpecs::default()));
        let two = jobs(&["callback", "upload-2"]).expect("two kinds");
        assert_eq!(two.all().len(), 2);
        assert_eq!(two.all()[1].payload.text(), "7");
        for wrong in [&["a", "a"][..], &[""], &["../x"], &["A"], &["a.b"], &["a/b"]] {
            let refused = jobs(wrong).map_err(|error| error.status);
            assert_eq!(refused, Err(Status::InvalidArgument), "{wrong:?}");
        }
        let read = JobSpecs::usable(["..", "a", "a"].map(|kind| JobSpec::new(kind, &1)).to_vec());
        assert_eq!(read.all().len(), 1);
    }
}
