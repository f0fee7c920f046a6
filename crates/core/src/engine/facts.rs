//! The facts about a live recording, and the manifest made from them.

use std::sync::Arc;

use uuid::Uuid;

use crate::calls::{CallInfo, LineStay, RecordingSpec};
use crate::media::Shape;
use crate::storage::{Fragment, Manifest, NameFields, RecordingName, Spans, Template};
use crate::text::Text;
use crate::types::{AudioSpec, KeepRaw, Layout, PauseMode, RecordingState};

/// The facts about a live recording. The threads that need its manifest or its name make them
/// from this, outside the registry's lock.
#[derive(Clone)]
pub struct RecordingFacts {
    pub id: Uuid,
    pub spec: RecordingSpec,
    pub url: Text,
    pub started_at_ms: i64,
    pub info: Arc<CallInfo>,
    pub lines: Arc<Vec<LineStay>>,
    pub paused: bool,
    /// A legal hold.
    pub held: bool,
    /// How the call's consent stood when the recording began; empty if nobody had asked for it.
    pub consent_at_start: &'static str,
    /// The file's shape, once it is known.
    pub shape: Option<Shape>,
    pub spans: Spans,
}

/// How the engine names files.
pub struct FileNaming {
    pub template: Template,
    pub host: String,
}

impl RecordingFacts {
    /// The manifest without its spans, of which there may be thousands.
    pub fn manifest(&self) -> Manifest {
        let state = if self.paused {
            RecordingState::Paused
        } else {
            RecordingState::Recording
        };
        let mut manifest = Manifest {
            id: self.id.to_string(),
            state: state.text().to_owned(),
            url: self.url.as_str().to_owned(),
            call: Fragment::of(&self.info.to_manifest()),
            lines: self
                .lines
                .iter()
                .map(|line| Fragment::of(&line.to_manifest()))
                .collect(),
            spans_dropped: self.spans.dropped(),
            held: self.held,
            consent_at_start: self.consent_at_start.to_owned(),
            ..Manifest::default()
        };
        put_spec(&mut manifest, &self.spec);
        if let Some(shape) = &self.shape {
            manifest.set_shape(shape);
        }
        manifest.set_started_at(self.started_at_ms);
        manifest
    }

    pub fn full_manifest(&self) -> Manifest {
        let mut manifest = self.manifest();
        manifest.set_spans(&self.spans);
        manifest
    }

    pub fn name(&self, naming: &FileNaming) -> RecordingName {
        let attribute = |key: &str| self.info.attributes.get(key)?.as_str().map(str::to_owned);
        naming.template.render(&NameFields {
            id: self.id,
            layout: self.spec.audio.layout.text(),
            ..naming.fields(&self.info, self.started_at_ms, &attribute)
        })
    }
}

/// Stores a spec in a manifest.
fn put_spec(manifest: &mut Manifest, spec: &RecordingSpec) {
    manifest.set_format(spec.audio.format);
    manifest.layout = spec.audio.layout.text().to_owned();
    manifest.pause_mode = spec.audio.pause_mode.text().to_owned();
    manifest.flags = spec.flags;
    manifest.automatic = spec.is_automatic();
    manifest.lookback_ms = spec.lookback_ms;
    if spec.keep_raw != KeepRaw::Never {
        manifest.keep_raw = spec.keep_raw.text().to_owned();
    }
    manifest.set_jobs(&spec.jobs);
}

/// Restores a spec from a manifest, which lacks the maximum duration and the requested rate.
pub fn spec_of(manifest: &Manifest) -> RecordingSpec {
    let layout = Layout::ALL
        .into_iter()
        .find(|layout| layout.text() == manifest.layout);
    let pause_mode = PauseMode::ALL
        .into_iter()
        .find(|mode| mode.text() == manifest.pause_mode);
    let keep_raw = KeepRaw::ALL
        .into_iter()
        .find(|keep| keep.text() == manifest.keep_raw);
    RecordingSpec {
        audio: AudioSpec {
            layout: layout.unwrap_or(Layout::Stereo),
            format: manifest.shape().format,
            pause_mode: pause_mode.unwrap_or(PauseMode::Silence),
            max_duration_ms: 0,
            rate: 0,
        },
        flags: manifest.flags,
        keep_raw: keep_raw.unwrap_or_default(),
        lookback_ms: manifest.lookback_ms,
        jobs: manifest.job_specs(),
    }
}

impl FileNaming {
    /// The fields of a name, except the recording's id and layout.
    pub fn fields<'a>(
        &'a self,
        info: &'a CallInfo,
        started_at_ms: i64,
        attribute: &'a dyn Fn(&str) -> Option<String>,
    ) -> NameFields<'a> {
        call_name_fields(info, &self.host, started_at_ms, attribute)
    }
}

/// The fields that a call gives to the name of a recording, without the recording's id and layout.
/// `started_at_ms`: Unix time in milliseconds.
pub fn call_name_fields<'a>(
    info: &'a CallInfo,
    host: &'a str,
    started_at_ms: i64,
    attribute: &'a dyn Fn(&str) -> Option<String>,
) -> NameFields<'a> {
    NameFields {
        id: Uuid::nil(),
        call_id: info.call_id.as_str(),
        device: info.device_name.as_str(),
        number: info.directory_number.as_str(),
        user: info.username.as_str(),
        remote: info.remote_phone_number.as_str(),
        ani: info.ani.as_str(),
        dnis: info.dnis.as_str(),
        host,
        layout: "",
        started_at_ms,
        attribute,
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::calls::spec::{ADDITIONAL, AUTOMATIC};
    use crate::storage::{CALLBACK, JobSpec, JobSpecs};
    use crate::types::Format;

    #[test]
    fn a_spec_is_restored_from_the_manifest() {
        for (format, layout) in Format::all().zip(Layout::ALL) {
            let kinds = [CALLBACK, "other"];
            let jobs = kinds.map(|kind| JobSpec::new(kind, &"http://localhost/"));
            let spec = RecordingSpec {
                audio: AudioSpec {
                    layout,
                    format,
                    pause_mode: PauseMode::Skip,
                    max_duration_ms: 0,
                    rate: 0,
                },
                flags: ADDITIONAL | AUTOMATIC,
                keep_raw: KeepRaw::Undecodable,
                lookback_ms: 300,
                jobs: JobSpecs::new(jobs.to_vec()).expect("two kinds"),
            };
            let mut manifest = Manifest::default();
            put_spec(&mut manifest, &spec);
            assert!(manifest.automatic);
            assert_eq!(spec_of(&manifest), spec);
        }
    }
}
