//! What hosts have said about a call, and what a manifest must therefore say.

use serde_json::{Value, json};

/// The names of the legs in manifests.
pub const LEGS: [&str; 2] = ["local", "remote"];

/// The latest description of a call.
#[derive(Clone, Debug, Default)]
pub struct KnownCall {
    pub device: String,
    pub username: String,
    pub related_ids: Vec<String>,
    /// Each device and user that it had.
    lines: Vec<(String, String)>,
    stays: Vec<KnownStay>,
}

/// A party on a leg.
#[derive(Clone, Debug)]
struct KnownStay {
    leg: usize,
    name: String,
    from_ms: i64,
    to_ms: Option<i64>,
}

impl KnownCall {
    pub fn of_device(device: &str) -> KnownCall {
        let mut known = KnownCall::default();
        known.move_to(device, "");
        known
    }

    pub fn move_to(&mut self, device: &str, username: &str) {
        (self.device, self.username) = (device.to_owned(), username.to_owned());
        self.lines.push((device.to_owned(), username.to_owned()));
    }

    /// These parties, and no others, are heard on a leg from now on.
    pub fn hear(&mut self, leg: usize, names: &[&str], now_ms: i64) {
        for stay in &mut self.stays {
            if stay.leg == leg && stay.to_ms.is_none() && !names.contains(&stay.name.as_str()) {
                stay.to_ms = Some(now_ms);
            }
        }
        for name in names {
            let is_there = |stay: &KnownStay| stay.leg == leg && stay.to_ms.is_none() && stay.name == *name;
            if !self.stays.iter().any(is_there) {
                self.stays.push(KnownStay {
                    leg,
                    name: (*name).to_owned(),
                    from_ms: now_ms,
                    to_ms: None,
                });
            }
        }
    }

    /// Compares a manifest with the description of the call at the end of its recording.
    pub fn check(&self, manifest: &Value, fault: &mut dyn FnMut(String)) {
        let call = &manifest["call"];
        let lines = manifest["lines"].as_array().into_iter().flatten();
        let lines: Vec<Value> = lines
            .map(|line| json!([line["device_name"], line["username"]]))
            .collect();
        let list = |value: &Value| if value.is_null() { json!([]) } else { value.clone() };
        for (name, found, expected) in [
            ("device_name", call["device_name"].clone(), json!(self.device)),
            ("username", call["username"].clone(), json!(self.username)),
            (
                "related_call_ids",
                list(&call["related_call_ids"]),
                json!(self.related_ids),
            ),
            ("parties", list(&call["parties"]), self.parties()),
            ("lines", json!(lines), json!(self.lines)),
        ] {
            if found != expected {
                fault(format!("its manifest has the {name} {found}, not {expected}"));
            }
        }
    }

    fn parties(&self) -> Value {
        let party = |stay: &KnownStay| {
            let mut party = json!({
                "leg": LEGS[stay.leg],
                "from_ms": stay.from_ms,
                "party": { "name": stay.name },
            });
            if let Some(to_ms) = stay.to_ms {
                party["to_ms"] = json!(to_ms);
            }
            party
        };
        self.stays.iter().map(party).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_the_call_of_its_end() {
        let mut known = KnownCall::of_device("phone-1");
        known.hear(1, &["anna", "ben"], 100);
        known.hear(1, &["ben"], 200);
        known.move_to("phone-2", "");
        known.related_ids.push("x".to_owned());
        let manifest = json!({
            "call": {
                "device_name": "phone-2",
                "username": "",
                "related_call_ids": ["x"],
                "parties": [
                    { "leg": "remote", "from_ms": 100, "to_ms": 200, "party": { "name": "anna" } },
                    { "leg": "remote", "from_ms": 100, "party": { "name": "ben" } },
                ],
            },
            "lines": [
                { "device_name": "phone-1", "username": "", "from_ms": 1 },
                { "device_name": "phone-2", "username": "", "from_ms": 2 },
            ],
        });
        let faults = |known: &KnownCall| {
            let mut faults = Vec::new();
            known.check(&manifest, &mut |text| faults.push(text));
            faults.len()
        };
        assert_eq!(faults(&known), 0);
        known.hear(0, &["chris"], 300);
        known.related_ids.clear();
        assert_eq!(faults(&known), 2);
        known.move_to("phone-1", "dora");
        assert_eq!(faults(&known), 5);
    }
}
