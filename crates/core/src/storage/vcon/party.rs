//! The parties of a recorded call, and the channels in which each of them is heard.

use super::super::manifest::Manifest;
use super::date;
use serde_json::{Map, Value, json};

/// E.164 numbers have at most this many digits.
const DIGITS_MAX: usize = 15;

/// One stay of the call on a line.
struct Stay {
    /// The index of the local party.
    party: usize,
    from_ms: i64,
}

/// A party that the host has named for a leg, while it is on the leg.
struct NamedStay {
    /// The index of the party.
    party: usize,
    leg: String,
    from_ms: i64,
    /// `None`: until the end of the recording.
    to_ms: Option<i64>,
}

/// A user on a line.
#[derive(Clone, PartialEq)]
struct LocalParty {
    device: String,
    number: String,
    user: String,
}

/// The parties of a call. The local ones come first, in the order in which they had the call; the
/// remote one follows, then those that the host has named for a leg.
pub struct CallParties {
    call: Value,
    locals: Vec<LocalParty>,
    stays: Vec<Stay>,
    layout: String,
    channels: u16,
    /// Those that the host has named for a leg, each once.
    named: Vec<Value>,
    named_stays: Vec<NamedStay>,
    /// When the recording begins.
    started_at_ms: i64,
}

impl CallParties {
    pub fn of(manifest: &Manifest) -> CallParties {
        let call = manifest.call.value();
        let mut lines: Vec<Value> = manifest.lines.iter().map(|line| line.value()).collect();
        if lines.is_empty() {
            lines.push(call.clone());
        }
        let (mut locals, mut stays) = (Vec::new(), Vec::new());
        for line in &lines {
            let local = LocalParty {
                device: text(line, "device_name"),
                number: text(line, "directory_number"),
                user: text(line, "username"),
            };
            let known = locals.iter().position(|known| *known == local);
            let party = known.unwrap_or(locals.len());
            if known.is_none() {
                locals.push(local);
            }
            let from_ms = line.get("from_ms").and_then(Value::as_i64).unwrap_or_default();
            stays.push(Stay { party, from_ms });
        }
        let (mut named, mut named_stays) = (Vec::new(), Vec::new());
        for stay in call
            .get("parties")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(party) = stay.get("party") else { continue };
            let known = named.iter().position(|known| known == party);
            let index = known.unwrap_or(named.len());
            if known.is_none() {
                named.push(party.clone());
            }
            let time = |name| stay.get(name).and_then(Value::as_i64);
            // Behind the local parties and the remote one.
            named_stays.push(NamedStay {
                party: locals.len() + 1 + index,
                leg: text(stay, "leg"),
                from_ms: time("from_ms").unwrap_or_default(),
                to_ms: time("to_ms"),
            });
        }
        CallParties {
            call,
            named,
            named_stays,
            locals,
            stays,
            layout: manifest.layout.clone(),
            channels: manifest.channels,
            started_at_ms: manifest.started_at_ms,
        }
    }

    pub fn call_id(&self) -> String {
        text(&self.call, "call_id")
    }

    /// The index of the remote party.
    fn remote(&self) -> usize {
        self.locals.len()
    }

    /// The Party Objects.
    pub fn objects(&self) -> Vec<Value> {
        let mut objects: Vec<Value> = self
            .locals
            .iter()
            .map(|local| party_object(&local.number, &[&local.user, &local.number, &local.device]))
            .collect();
        let number = text(&self.call, "remote_phone_number");
        let names = ["remote_first_name", "remote_last_name"].map(|name| text(&self.call, name));
        let full_name = names.join(" ");
        objects.push(party_object(&number, &[full_name.trim(), &number]));
        objects.extend(self.named.iter().map(|party| {
            let texts = ["number", "name", "uri", "id"].map(|name| text(party, name));
            let [number, name, uri, id] = &texts;
            party_object(number, &[name, number, uri, id])
        }));
        objects
    }

    /// The parties as callrec knows them, for the analysis: a Party Object has no member for a
    /// device or an extension.
    pub fn lines(&self) -> Vec<Value> {
        let locals = self.locals.iter().enumerate().map(|(party, local)| {
            json!({
                "party": party,
                "leg": "local",
                "device_name": local.device,
                "directory_number": local.number,
                "username": local.user,
            })
        });
        let mut lines: Vec<Value> = locals.collect();
        lines.push(json!({
            "party": self.remote(),
            "leg": "remote",
            "phone_number": text(&self.call, "remote_phone_number"),
        }));
        lines
    }

    /// The member `parties` of the recording: the parties of each channel, or those of the only
    /// channel.
    pub fn of_channels(&self) -> Value {
        let (local, remote) = (self.on_leg("local"), self.on_leg("remote"));
        match self.layout.as_str() {
            "stereo" if self.channels == 2 => json!([one_or_several(local), one_or_several(remote)]),
            "local" => one_or_several(local),
            "remote" => one_or_several(remote),
            _ => one_or_several([local, remote].concat()),
        }
    }

    /// The parties that can be heard on a leg during the recording. The mixed leg is in every channel.
    fn on_leg(&self, leg: &str) -> Vec<usize> {
        let mut parties: Vec<usize> = match leg {
            "local" => (0..self.locals.len()).collect(),
            _ => vec![self.remote()],
        };
        let heard = self.named_stays.iter().filter(|stay| {
            let has_left = stay.to_ms.is_some_and(|to_ms| to_ms < self.started_at_ms);
            !has_left && (stay.leg == leg || stay.leg == "mixed")
        });
        parties.extend(heard.map(|stay| stay.party));
        parties
    }

    /// The caller, if that is not the first party of [`CallParties::of_channels`], and if the
    /// direction of the call is known.
    pub fn originator(&self) -> Option<usize> {
        let originator = match self.call.get("direction")?.as_str()? {
            "incoming" => self.remote(),
            "outgoing" => 0,
            _ => return None,
        };
        let first = match self.layout.as_str() {
            "remote" => self.remote(),
            _ => 0,
        };
        (originator != first).then_some(originator)
    }

    /// The Party_History Objects of a call that was transferred, or whose legs have named parties;
    /// empty for another one.
    pub fn history(&self) -> Vec<Value> {
        let mut history = Vec::new();
        let mut add = |party: usize, event: &str, time_ms: i64| {
            history.push(json!({ "party": party, "time": date(time_ms), "event": event }));
        };
        for pair in self
            .stays
            .windows(2)
            .filter(|pair| pair[0].party != pair[1].party)
        {
            add(pair[0].party, "drop", pair[1].from_ms);
            add(pair[1].party, "join", pair[1].from_ms);
        }
        for stay in &self.named_stays {
            add(stay.party, "join", stay.from_ms);
            if let Some(to_ms) = stay.to_ms {
                add(stay.party, "drop", to_ms);
            }
        }
        history
    }
}

/// The index of a channel's only party, or the indices of several, each once.
fn one_or_several(mut parties: Vec<usize>) -> Value {
    parties.sort_unstable();
    parties.dedup();
    match parties.as_slice() {
        [only] => json!(only),
        several => json!(several),
    }
}

/// A Party Object, with the first of the `names` that is not empty. A number that needs the
/// context of its switch is no telephone URL, so it can only be a name.
fn party_object(number: &str, names: &[&str]) -> Value {
    let mut party = Map::new();
    let url = telephone_url(number);
    let mut names = names.iter().filter(|name| !name.is_empty());
    let name = names.find(|name| url.is_none() || **name != number);
    if let Some(url) = url {
        party.insert("tel".to_owned(), json!(url));
    }
    if let Some(name) = name {
        party.insert("name".to_owned(), json!(name));
        party.insert("validation".to_owned(), json!("none"));
    }
    Value::Object(party)
}

/// The URL of RFC 3966 for a global number, written with or without visual separators.
fn telephone_url(number: &str) -> Option<String> {
    let digits = number.trim().strip_prefix('+')?;
    let digits: String = digits
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
        .collect();
    let is_valid =
        (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then(|| format!("tel:+{digits}"))
}

fn text(object: &Value, name: &str) -> String {
    object
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
