//! Selects calls by the indexed fields.

use super::call::CallInfo;
use super::key::Key;
use crate::text::Text;

/// A call matches if it equals every field that is not empty.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub device_name: Text,
    pub directory_number: Text,
    pub username: Text,
    pub numeric_user_id: Text,
    pub call_id: Text,
    pub switch_call_id: Text,
}

impl Filter {
    pub fn line(device_name: &Text, directory_number: &Text) -> Filter {
        Filter {
            device_name: device_name.clone(),
            directory_number: directory_number.clone(),
            ..Filter::default()
        }
    }

    pub fn call(call_id: &Text) -> Filter {
        Filter {
            call_id: call_id.clone(),
            ..Filter::default()
        }
    }

    pub fn field(&self, key: Key) -> &Text {
        match key {
            Key::Device => &self.device_name,
            Key::Number => &self.directory_number,
            Key::User => &self.username,
            Key::NumericUser => &self.numeric_user_id,
            Key::Call => &self.call_id,
            Key::SwitchCall => &self.switch_call_id,
        }
    }

    pub fn is_empty(&self) -> bool {
        Key::ALL.iter().all(|key| self.field(*key).is_empty())
    }

    pub fn matches(&self, info: &CallInfo) -> bool {
        Key::ALL.iter().all(|key| {
            let value = self.field(*key);
            value.is_empty() || info.keys(*key).any(|own| own == value)
        })
    }
}
