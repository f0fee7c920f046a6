//! The parties that are heard on each leg of a call, with the times at which they came and left.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::types::Leg;

/// Parties that a call lists. Beyond that, those that left first are no longer listed.
const STAYS_MAX: usize = 1024;

/// What the host says of a party: members whose values are texts.
pub type Party = Map<String, Value>;

/// A party's time on a leg.
#[derive(Clone, Debug, PartialEq)]
pub struct PartyStay {
    pub leg: Leg,
    pub party: Arc<Party>,
    pub from_ms: i64,
    /// `None` while the party is on the leg.
    pub to_ms: Option<i64>,
}

#[derive(Serialize)]
pub struct PartyStayJson<'a> {
    leg: &'static str,
    from_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_ms: Option<i64>,
    party: &'a Party,
}

impl PartyStay {
    /// Serializes the stay as in a manifest.
    pub fn to_json(&self) -> PartyStayJson<'_> {
        PartyStayJson {
            leg: self.leg.text(),
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            party: &self.party,
        }
    }

    /// The stays of a manifest. Damaged ones are left out.
    pub fn list_of(value: &Value) -> Vec<PartyStay> {
        let stays = value.as_array().into_iter().flatten();
        stays.filter_map(PartyStay::of).collect()
    }

    fn of(value: &Value) -> Option<PartyStay> {
        let leg = value["leg"].as_str()?;
        Some(PartyStay {
            leg: Leg::ALL.into_iter().find(|known| known.text() == leg)?,
            party: Arc::new(value["party"].as_object()?.clone()),
            from_ms: value["from_ms"].as_i64()?,
            to_ms: value["to_ms"].as_i64(),
        })
    }
}

/// The stays after `leg` has these parties from `now_ms` on. Those that it had before keep their
/// times.
pub(super) fn after_change(
    stays: &[PartyStay],
    leg: Leg,
    parties: Vec<Party>,
    now_ms: i64,
) -> Vec<PartyStay> {
    let mut next = stays.to_vec();
    for stay in next
        .iter_mut()
        .filter(|stay| stay.leg == leg && stay.to_ms.is_none())
    {
        if !parties.contains(&*stay.party) {
            stay.to_ms = Some(now_ms.max(stay.from_ms));
        }
    }
    for party in parties {
        let is_there = |stay: &PartyStay| stay.leg == leg && stay.to_ms.is_none() && *stay.party == party;
        if !next.iter().any(is_there) {
            next.push(PartyStay {
                leg,
                party: Arc::new(party),
                from_ms: now_ms,
                to_ms: None,
            });
        }
    }
    while next.len() > STAYS_MAX {
        let Some(left) = next.iter().position(|stay| stay.to_ms.is_some()) else {
            break;
        };
        next.remove(left);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> Party {
        Map::from_iter([("name".to_owned(), Value::from(name))])
    }

    /// Names with their times, in the order of the list.
    fn times(stays: &[PartyStay]) -> Vec<(String, i64, Option<i64>)> {
        let name = |stay: &PartyStay| stay.party["name"].as_str().unwrap_or_default().to_owned();
        stays
            .iter()
            .map(|stay| (name(stay), stay.from_ms, stay.to_ms))
            .collect()
    }

    #[test]
    fn who_stays_keeps_the_time_at_which_they_came() {
        let set = |stays: &[PartyStay], leg, names: &[&str], now_ms| {
            let parties = names.iter().map(|name| party(name)).collect();
            after_change(stays, leg, parties, now_ms)
        };
        let stays = set(&[], Leg::Mixed, &["a", "b", "a"], 10);
        let stays = set(&stays, Leg::Mixed, &["b", "c"], 20);
        let stays = set(&stays, Leg::Local, &["a"], 30);
        let stays = set(&stays, Leg::Mixed, &["a"], 40);
        let expected = [
            ("a", 10, Some(20)),
            ("b", 10, Some(40)),
            ("c", 20, Some(40)),
            ("a", 30, None),
            ("a", 40, None),
        ];
        let expected = expected.map(|(name, from, to)| (name.to_owned(), from, to));
        assert_eq!(times(&stays), expected);
        let json = serde_json::to_value(stays.iter().map(PartyStay::to_json).collect::<Vec<_>>());
        assert_eq!(PartyStay::list_of(&json.expect("JSON")), stays);
    }

    #[test]
    fn the_list_is_limited_to_those_who_are_there() {
        let mut stays = Vec::new();
        for number in 0..3000 {
            stays = after_change(&stays, Leg::Mixed, vec![party(&number.to_string())], number);
        }
        assert_eq!(stays.len(), STAYS_MAX);
        let names = times(&stays);
        assert_eq!(names[STAYS_MAX - 1], ("2999".to_owned(), 2999, None));
        assert_eq!(names[0], ("1976".to_owned(), 1976, Some(1977)));
    }
}
