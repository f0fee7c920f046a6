//! What the storage tests add to the storage fixture: fixed manifests, and child processes.

use callrec::codec::Format;
use callrec::storage::{Manifest, ManifestSource};
use callrec::types::EndReason;
use callrec_testkit::child::child_test;
pub use callrec_testkit::storage_fixture::*;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// A source whose manifest does not change.
struct FixedManifest(Manifest);

impl ManifestSource for FixedManifest {
    fn manifest(&self) -> Box<Manifest> {
        Box::new(self.0.clone())
    }
}

pub fn fixed(manifest: Manifest) -> Arc<dyn ManifestSource> {
    Arc::new(FixedManifest(manifest))
}

pub fn ended(id: Uuid, reason: EndReason) -> Box<Manifest> {
    let mut manifest = manifest(id);
    manifest.end_reason = reason.text().to_owned();
    Box::new(manifest)
}

/// Runs a task of `run_child_task` in a child process, for recordings of this format. Returns its
/// output, and whether it succeeded.
pub fn child(format: Format, task: &str, directory: &Path, number: usize) -> (String, bool) {
    let format = match format.parameters_text() {
        parameters if parameters.is_empty() => format.name().to_owned(),
        parameters => format!("{};{parameters}", format.name()),
    };
    let output = child_test("run_child_task")
        .env("STORAGE_FORMAT", format)
        .env("STORAGE_TASK", task)
        .env("STORAGE_DIRECTORY", directory)
        .env("STORAGE_NUMBER", number.to_string())
        .output()
        .expect("a child");
    // A kill is no panic, and callers kill again until a child survives.
    let panicked = output.status.code() == Some(101);
    assert!(!panicked, "{}", String::from_utf8_lossy(&output.stderr));
    let output_text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = output_text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("running ") && !line.starts_with("test "))
        .collect();
    (lines.join("\n"), output.status.success())
}
