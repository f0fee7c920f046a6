//! What is known of a live recording, and the manifest that tells it.

use std::sync::Arc;

use uuid::Uuid;

use crate::calls::{CallInfo, LineStay, RecordingOptions};
use crate::media::Shape;
use crate::storage::{Callback, Fragment, Manifest, NameFields, RecordingName, Spans, Template};
use crate::text::Text;
use crate::words::State;

/// Known from the first moment. What is made of it, its manifest and its name, is made
/// by the threads that need it, and not under the registry's lock.
#[derive(Clone)]
pub struct Paper {
    pub id: Uuid,
    pub options: RecordingOptions,
    pub url: Text,
    pub started_at_ms: i64,
    pub info: Arc<CallInfo>,
    pub lines: Arc<Vec<LineStay>>,
    pub paused: bool,
    /// The file's, once it is known.
    pub shape: Option<Shape>,
    pub spans: Spans,
    /// Who is called back when it has ended.
    pub callback: Option<Arc<Callback>>,
}

/// How files are named.
pub struct Naming {
    pub template: Template,
    pub host: String,
}

impl Paper {
    /// Without its spans: there may be thousands.
    pub fn manifest(&self) -> Manifest {
        let state = if self.paused {
            State::Paused
        } else {
            State::Recording
        };
        let mut manifest = Manifest {
            id: self.id.to_string(),
            state: state.text().to_owned(),
            layout: self.options.layout.text().to_owned(),
            pause_mode: self.options.pause_mode.text().to_owned(),
            flags: self.options.flags,
            automatic: self.options.automatic,
            url: self.url.as_str().to_owned(),
            call: Fragment::of(&self.info.told()),
            lines: self.lines.iter().map(|line| Fragment::of(&line.told())).collect(),
            spans_dropped: self.spans.dropped(),
            callback: self.callback.as_deref().cloned().map(Box::new),
            ..Manifest::default()
        };
        match &self.shape {
            Some(shape) => manifest.set_shape(shape),
            None => manifest.set_format(self.options.format),
        }
        manifest.set_started_at(self.started_at_ms);
        manifest
    }

    pub fn whole_manifest(&self) -> Manifest {
        let mut manifest = self.manifest();
        manifest.set_spans(&self.spans);
        manifest
    }

    pub fn name(&self, naming: &Naming) -> RecordingName {
        let attribute = |key: &str| self.info.attributes.get(key)?.as_str().map(str::to_owned);
        naming.template.render(&NameFields {
            id: self.id,
            layout: self.options.layout.text(),
            ..naming.fields(&self.info, self.started_at_ms, &attribute)
        })
    }
}

impl Naming {
    /// What a name is made of, but for the recording's own.
    pub fn fields<'a>(
        &'a self,
        info: &'a CallInfo,
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
            host: &self.host,
            layout: "",
            started_at_ms,
            attribute,
        }
    }
}
