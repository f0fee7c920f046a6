//! Sidecars: files beside the audio of a recording that say the same in another form.

use super::job_spec::JobSpec;

/// The kind of the jobs that write vCons, and the file name extension of a vCon.
pub const VCON: &str = "vcon";

/// One entry of `storage.sidecar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sidecar {
    /// The manifest, which every recording has.
    Json,
    Vcon,
}

impl Sidecar {
    pub fn parse(text: &str) -> Result<Sidecar, String> {
        match text {
            "json" => Ok(Sidecar::Json),
            VCON => Ok(Sidecar::Vcon),
            _ => Err("a comma-separated list of json and vcon is needed".to_owned()),
        }
    }

    /// The job that writes it; `None` for the manifest, which is published with the audio.
    pub fn job(self) -> Option<JobSpec> {
        match self {
            Sidecar::Json => None,
            Sidecar::Vcon => Some(JobSpec::new(VCON, &())),
        }
    }
}

/// The name of the vCon beside the audio `<stem>.<extension>`.
pub fn vcon_name(stem: &str) -> String {
    format!("{stem}.{VCON}")
}
