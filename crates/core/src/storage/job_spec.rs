//! What a start asks to be done after the recording has ended.

use super::fragment::Fragment;
use crate::types::{Error, Result, Status};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The kind of the jobs that 0.1.0 knew. It keeps a place of its own in manifests.
pub const CALLBACK: &str = "callback";

const KIND_MAX: usize = 32;

/// One job that a start asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Which action performs it: 1 to 32 lower-case letters, digits, `-` or `_`.
    pub kind: String,
    /// What the action needs to know. Core hands it on as it is.
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

/// Whether this may name a kind of jobs: 1 to 32 lower-case letters, digits, `-` or `_`,
/// because a folder has this name.
pub fn is_kind(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=KIND_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// The jobs of one recording: at most one of each kind. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobSpecs(Option<Arc<[JobSpec]>>);

impl JobSpecs {
    /// Fails if two jobs are of one kind, or if a kind has no proper name.
    pub fn new(jobs: Vec<JobSpec>) -> Result<JobSpecs> {
        let specs = JobSpecs::usable(jobs.clone());
        if specs.all().len() < jobs.len() {
            let kinds: Vec<&str> = jobs.iter().map(|job| job.kind.as_str()).collect();
            let message = format!("jobs: one of each kind is possible, not {kinds:?}");
            return Err(Error::new(Status::InvalidArgument, message));
        }
        Ok(specs)
    }

    /// Those of a manifest that can be performed.
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
