//! Whether the parties of a call agree that it is recorded.

use crate::text::Text;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum ConsentState {
    #[default]
    Unknown = 0,
    Given = 1,
    Refused = 2,
}

impl ConsentState {
    pub fn text(self) -> &'static str {
        match self {
            ConsentState::Unknown => "unknown",
            ConsentState::Given => "given",
            ConsentState::Refused => "refused",
        }
    }

    fn from_text(text: &str) -> ConsentState {
        match text {
            "given" => ConsentState::Given,
            "refused" => ConsentState::Refused,
            _ => ConsentState::Unknown,
        }
    }
}

/// What happens to the live recordings of a call when consent is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusalAction {
    #[default]
    Stop,
    Discard,
}

/// The consent to the recording of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    pub state: ConsentState,
    /// Who or what gave or refused it, such as "ivr" or "agent".
    pub source: Text,
    /// Given: the time from which on audio may be recorded. Refused: when it was. 0: unknown.
    pub from_ms: i64,
    /// When the host reported the present state; 0: never.
    pub at_ms: i64,
    /// Without consent, no audio of the call may be recorded.
    pub is_required: bool,
}

/// A change of a call's consent. `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct ConsentUpdate {
    pub state: Option<ConsentState>,
    pub source: Option<Text>,
    pub from_ms: Option<i64>,
}

impl Consent {
    /// Whether recordings of the call wait for consent.
    pub fn is_awaited(&self) -> bool {
        self.is_required && self.state == ConsentState::Unknown
    }

    pub fn is_refused(&self) -> bool {
        self.state == ConsentState::Refused
    }

    /// Whether no audio of the call may be recorded now.
    pub fn forbids_audio(&self) -> bool {
        self.is_refused() || self.is_awaited()
    }

    /// The member `consent` of JSON objects: empty while nobody has asked for consent and none is
    /// required.
    pub fn member(&self) -> &'static str {
        match self.state {
            ConsentState::Unknown if !self.is_required => "",
            state => state.text(),
        }
    }

    /// The consent after an update at `now_ms`. If the update gives no time, a new state holds from
    /// now on. A time in the future is taken as now, because the state is in effect at once; without
    /// a new state, it changes nothing.
    pub fn updated(&self, update: &ConsentUpdate, now_ms: i64) -> Consent {
        let mut next = self.clone();
        if let Some(source) = &update.source {
            next.source = source.clone();
        }
        let is_new = update.state.is_some_and(|state| state != self.state);
        if let Some(state) = update.state
            && is_new
        {
            next.state = state;
            next.at_ms = now_ms;
            next.from_ms = now_ms;
        }
        if let Some(from_ms) = update.from_ms
            && next.state != ConsentState::Unknown
            && (is_new || from_ms <= now_ms)
        {
            next.from_ms = from_ms.min(now_ms);
        }
        next
    }

    /// Restores a consent from the members of a call's JSON object.
    pub fn from_json(call: &serde_json::Value) -> Consent {
        Consent {
            state: ConsentState::from_text(call["consent"].as_str().unwrap_or_default()),
            source: Text::new(call["consent_source"].as_str().unwrap_or_default()),
            from_ms: call["consent_from_ms"].as_i64().unwrap_or_default(),
            at_ms: call["consent_at_ms"].as_i64().unwrap_or_default(),
            is_required: call["consent_required"].as_bool().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::{CallInfo, CallUpdate};
    use super::*;

    #[test]
    fn a_call_names_the_members_that_have_changed_and_restores_them() {
        let before = CallInfo::default();
        let update = CallUpdate {
            consent: ConsentUpdate {
                source: Some(Text::new("ivr")),
                ..to(ConsentState::Given, Some(100))
            },
            ..CallUpdate::default()
        };
        let after = update.apply(&before, 500);
        let expected = ["consent", "consent_source", "consent_from_ms", "consent_at_ms"];
        assert_eq!(after.changes_since(&before), expected);
        let json = serde_json::to_string(&after.to_manifest()).expect("JSON");
        assert_eq!(CallInfo::from_json(&json).consent, after.consent);
        let json = serde_json::to_string(&before.to_manifest()).expect("JSON");
        assert!(!json.contains("consent"), "{json}");
    }

    fn to(state: ConsentState, from_ms: Option<i64>) -> ConsentUpdate {
        ConsentUpdate {
            state: Some(state),
            from_ms,
            ..ConsentUpdate::default()
        }
    }

    #[test]
    fn a_state_without_a_time_holds_from_now_on() {
        let given = Consent::default().updated(&to(ConsentState::Given, None), 500);
        assert_eq!((given.from_ms, given.at_ms), (500, 500));
        let repeated = given.updated(&to(ConsentState::Given, None), 900);
        assert_eq!(repeated, given, "a repetition does not move the time");
        let refused = given.updated(&to(ConsentState::Refused, None), 900);
        assert_eq!((refused.from_ms, refused.at_ms), (900, 900));
    }

    #[test]
    fn consent_may_reach_back_but_not_into_the_future() {
        for (from_ms, expected) in [(100, 100), (9_000, 500)] {
            let given = Consent::default().updated(&to(ConsentState::Given, Some(from_ms)), 500);
            assert_eq!((given.from_ms, given.at_ms), (expected, 500));
        }
        let time_alone = ConsentUpdate {
            from_ms: Some(100),
            ..ConsentUpdate::default()
        };
        assert_eq!(Consent::default().updated(&time_alone, 500).from_ms, 0);
    }

    /// A host whose clock is ahead may repeat the same time with each update.
    #[test]
    fn a_repeated_time_in_the_future_changes_nothing() {
        let update = to(ConsentState::Given, Some(9_000));
        let given = Consent::default().updated(&update, 500);
        assert_eq!(given.updated(&update, 600), given);
        assert_eq!(
            given.updated(&to(ConsentState::Given, Some(400)), 600).from_ms,
            400
        );
    }

    #[test]
    fn audio_is_forbidden_while_required_consent_is_unknown_and_after_a_refusal() {
        for (is_required, state, forbids) in [
            (false, ConsentState::Unknown, false),
            (false, ConsentState::Given, false),
            (false, ConsentState::Refused, true),
            (true, ConsentState::Unknown, true),
            (true, ConsentState::Given, false),
            (true, ConsentState::Refused, true),
        ] {
            let consent = Consent {
                state,
                is_required,
                ..Consent::default()
            };
            assert_eq!(consent.forbids_audio(), forbids, "{consent:?}");
        }
    }
}
