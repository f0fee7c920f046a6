//! JSON that core passes on without reading it.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// JSON text written by another module, unchanged. The default is `null`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fragment(Option<Arc<RawValue>>);

impl Fragment {
    /// Serializes `value`; `null` if that fails.
    pub fn of(value: &impl Serialize) -> Fragment {
        Fragment(to_raw_value(value).ok().map(Arc::from))
    }

    /// Parses the text; `null` if it is invalid.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    pub fn text(&self) -> &str {
        self.0.as_ref().map_or("null", |raw| raw.get())
    }
}

impl PartialEq for Fragment {
    fn eq(&self, other: &Fragment) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Fragment {}
