//! The published rules: caller rights and line policies.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::CallInfo;
use super::origin::CallerOrigin;
use crate::memory;
use crate::text::Text;
use crate::types::{Error, Result, Status};

/// The caller of an operation.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The host itself, which is trusted.
    Host,
    User {
        username: Text,
        level: u32,
        /// `None` through the C ABI.
        origin: Option<Arc<CallerOrigin>>,
    },
}

pub const LEVEL_COMPLETE: u32 = 10;

impl Caller {
    /// Fails with `Unauthenticated` for level 0. Checked before anything else.
    pub fn authenticate(&self) -> Result<()> {
        match self {
            Caller::User { level: 0, .. } => Err(Error::new(
                Status::Unauthenticated,
                "caller.level 0: the caller is not authenticated",
            )),
            _ => Ok(()),
        }
    }

    pub fn is_host(&self) -> bool {
        matches!(self, Caller::Host)
    }

    /// The API of the request; `None` through the C ABI.
    pub fn origin(&self) -> Option<&CallerOrigin> {
        match self {
            Caller::User { origin, .. } => origin.as_deref(),
            Caller::Host => None,
        }
    }

    /// Whether this caller may control only their own calls.
    pub fn is_limited(&self) -> bool {
        matches!(self, Caller::User { level, .. } if *level < LEVEL_COMPLETE)
    }

    /// Whether the call's present username is the caller's, byte for byte, and not empty.
    pub fn owns(&self, info: &CallInfo) -> bool {
        matches!(self, Caller::User { username, .. } if !username.is_empty() && *username == info.username)
    }

    /// The user's name, empty for the host.
    pub fn username(&self) -> Text {
        match self {
            Caller::User { username, .. } => username.clone(),
            Caller::Host => Text::default(),
        }
    }

    pub fn may_access(&self, info: &CallInfo) -> bool {
        !self.is_limited() || self.owns(info)
    }

    /// The same error for a foreign, a malformed and an absent target, so that it reveals nothing.
    pub fn forbidden(&self) -> Error {
        let text = match self {
            Caller::User { username, level, .. } => {
                format!("caller \"{username}\" of level {level}: may control only their own live calls")
            }
            Caller::Host => String::new(),
        };
        Error::new(Status::Forbidden, text)
    }
}

/// How many recordings an operation changed, found in the requested state, or was refused for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlCounts {
    pub changed: u32,
    pub already: u32,
    pub refused: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlOperation {
    Stop,
    Discard,
    Pause,
    Resume,
}

impl ControlOperation {
    /// Whether the operation ends a recording. A line's policy can refuse that, but never a pause:
    /// the recording of a card number must always be pausable.
    pub fn ends(self) -> bool {
        matches!(self, ControlOperation::Stop | ControlOperation::Discard)
    }
}

pub const NOT_MONITORABLE: u32 = 1;
pub const AUTOMATIC: u32 = 2;
pub const MANDATORY: u32 = 4;

/// The policies of all lines. A policy applies to a call that equals every field it names. The
/// flags of all policies that apply are OR-ed.
#[derive(Default)]
pub struct LinePolicies {
    by_name: HashMap<(Text, Text), u32>,
    pub strict: bool,
}

impl LinePolicies {
    /// Fails with `Limit` and changes nothing if there is no memory.
    pub fn set(&mut self, device: &Text, number: &Text, flags: u32) -> Result<()> {
        memory::grow_map(&mut self.by_name, 1)?;
        self.by_name.insert((device.clone(), number.clone()), flags);
        Ok(())
    }

    pub fn remove(&mut self, device: &Text, number: &Text) {
        self.by_name.remove(&(device.clone(), number.clone()));
    }

    pub fn flags(&self, device: &Text, number: &Text) -> u32 {
        if self.by_name.is_empty() {
            return if self.strict { NOT_MONITORABLE } else { 0 };
        }
        let empty = Text::default();
        let names = [(device, number), (device, &empty), (&empty, number)];
        let mut found = false;
        let mut flags = 0;
        for (index, (device, number)) in names.into_iter().enumerate() {
            let repeated = index > 0 && names[..index].contains(&(device, number));
            if repeated || (device.is_empty() && number.is_empty()) {
                continue;
            }
            if let Some(policy) = self.by_name.get(&(device.clone(), number.clone())) {
                found = true;
                flags |= policy;
            }
        }
        if !found && self.strict {
            flags |= NOT_MONITORABLE;
        }
        flags
    }

    pub fn of(&self, info: &CallInfo) -> u32 {
        self.flags(&info.device_name, &info.directory_number)
    }
}

pub fn not_monitorable(device: &Text, number: &Text) -> Error {
    let mut error = Error::new(
        Status::NotMonitorable,
        format!("line \"{device}\"/\"{number}\": not monitorable"),
    )
    .with_reason(1);
    error.device_name = device.as_str().to_owned();
    error
}

pub fn automatic(device: &Text, number: &Text, reason: i32) -> Error {
    Error::new(
        Status::Automatic,
        format!("line \"{device}\"/\"{number}\": configured for automatic recording"),
    )
    .with_reason(reason)
}

pub fn dial_in(device: &Text) -> Error {
    Error::new(
        Status::DialIn,
        format!(
            "device \"{device}\": a manually started dial-in is not stopped by its device; give the number alone, or the id"
        ),
    )
}

pub fn mandatory(device: &Text, number: &Text) -> Error {
    Error::new(
        Status::Mandatory,
        format!("line \"{device}\"/\"{number}\": its recordings are mandatory; only the host ends them"),
    )
}

/// Fails if this caller may not end a recording on this call's line. `by_call`: the request named
/// the call.
pub fn may_end(
    caller: &Caller,
    operation: ControlOperation,
    by_call: bool,
    policies: &LinePolicies,
    info: &CallInfo,
) -> Result<()> {
    let flags = policies.of(info);
    // The strictest rule first, because it concerns the caller's rights.
    if flags & MANDATORY != 0 && !caller.is_host() {
        return Err(mandatory(&info.device_name, &info.directory_number));
    }
    if by_call && (caller.is_host() || operation == ControlOperation::Stop) {
        return Ok(());
    }
    if flags & NOT_MONITORABLE != 0 {
        return Err(not_monitorable(&info.device_name, &info.directory_number));
    }
    if flags & AUTOMATIC != 0 {
        return Err(automatic(&info.device_name, &info.directory_number, 2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(policies: &mut LinePolicies, device: &Text, number: &Text, flags: u32) {
        policies.set(device, number, flags).expect("there is memory");
    }

    #[test]
    fn a_policy_applies_to_calls_that_equal_its_fields() {
        let mut policies = LinePolicies::default();
        let (device, number, nothing) = (Text::new("SEP1"), Text::new("101"), Text::default());
        set(&mut policies, &device, &number, NOT_MONITORABLE);
        assert_eq!(policies.flags(&device, &number), NOT_MONITORABLE);
        assert_eq!(
            policies.flags(&device, &nothing),
            0,
            "the policy also names a number"
        );
        set(&mut policies, &nothing, &number, AUTOMATIC);
        assert_eq!(policies.flags(&device, &number), NOT_MONITORABLE | AUTOMATIC);
        assert_eq!(policies.flags(&Text::new("other"), &number), AUTOMATIC);
        set(&mut policies, &device, &number, 0);
        assert_eq!(policies.flags(&device, &number), AUTOMATIC, "replaced");
        policies.remove(&nothing, &number);
        assert_eq!(policies.flags(&device, &number), 0);
    }

    #[test]
    fn strict_makes_lines_without_a_policy_not_monitorable() {
        let mut policies = LinePolicies {
            strict: true,
            ..LinePolicies::default()
        };
        let (device, nothing) = (Text::new("SEP1"), Text::default());
        assert_eq!(policies.flags(&device, &nothing), NOT_MONITORABLE);
        set(&mut policies, &device, &nothing, 0);
        assert_eq!(policies.flags(&device, &nothing), 0);
    }

    #[test]
    fn an_empty_username_owns_nothing() {
        let nobody = Caller::User {
            username: Text::default(),
            level: 2,
            origin: None,
        };
        assert!(!nobody.may_access(&CallInfo::default()));
        assert!(Caller::Host.may_access(&CallInfo::default()));
        assert!(
            Caller::User {
                username: Text::default(),
                level: 10,
                origin: None,
            }
            .may_access(&CallInfo::default())
        );
    }
}
