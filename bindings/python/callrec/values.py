"""What the library tells: copies, which stay valid."""

import ctypes
import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from . import _abi
from ._convert import decoded, enum_of, has_member
from .constants import (
    CallState,
    Consent,
    Direction,
    EndReason,
    EventFlag,
    EventKind,
    Layout,
    PauseMode,
    StartFlag,
    State,
)
from .errors import status_of

LOOKBACK_ALL = _abi.LOOKBACK_ALL
"""As ``lookback_ms`` of a start: all that is kept of the call."""


@dataclass(frozen=True)
class Caller:
    """The user who makes a request. Without one, the host itself makes it."""

    username: str
    level: int


@dataclass(frozen=True)
class Counts:
    """How many recordings an operation has changed, left as they were, and was refused for."""

    changed: int
    already: int
    refused: int


@dataclass(frozen=True)
class Recording:
    """A recording, as it was when this object was made. ``rec_recording`` of the header describes the members."""

    id: str
    state: int
    end_reason: int
    error: int
    layout: int
    pause_mode: int
    flags: int
    sample_rate: int
    call_tag: int
    call_id: str
    switch_call_id: str
    device_name: str
    directory_number: str
    username: str
    numeric_user_id: str
    remote_first_name: str
    remote_last_name: str
    remote_phone_number: str
    format: str
    url: str
    path: str
    digest: str
    started_at_ms: int
    ended_at_ms: int
    duration_ms: int
    paused_ms: int
    lost_ms: int
    bytes: int = 0
    raw_path: str = ""
    raw_digest: str = ""
    raw_bytes: int = 0
    raw_packets: int = 0
    lookback_ms: int = 0
    held: bool = False
    unreachable: bool = False
    node: str = ""
    more: Dict[str, Any] = field(default_factory=dict)
    """Members that the header has added since."""


@dataclass(frozen=True)
class CallView:
    """A call, as it was when an event was raised."""

    call_id: str
    switch_call_id: str
    state: int
    direction: int
    tag: int
    is_private: bool
    end_reason: int
    number: int
    connected_at_ms: int
    device_name: str
    directory_number: str
    username: str
    numeric_user_id: str
    remote_first_name: str
    remote_last_name: str
    remote_phone_number: str
    ani: str
    dnis: str
    call_type: str
    attributes: Dict[str, str]
    consent: int = 0
    consent_source: str = ""
    consent_from_ms: int = 0
    consent_at_ms: int = 0
    related_call_ids: List[str] = field(default_factory=list)
    parties: List[Dict[str, Any]] = field(default_factory=list)
    more: Dict[str, Any] = field(default_factory=dict)
    """Members that the header has added since."""


@dataclass(frozen=True)
class Event:
    """An event. ``json`` is the whole event as the library describes it, ``frame`` where a pause holds, ``object_url`` what was
    uploaded."""

    kind: int
    flags: EventFlag
    sequence: int
    time_ms: int
    status: int
    call_tag: int
    recording: Optional[Recording]
    call: Optional[CallView]
    json: Dict[str, Any]
    call_number: int = 0
    frame: int = 0
    object_url: str = ""


@dataclass(frozen=True)
class Statistics:
    """What is live, and counters since the engine was opened."""

    live_calls: int
    live_recordings: int
    finishing_recordings: int
    frames_in: int
    frames_lost: int
    frames_ignored: int
    bytes_out: int
    bytes_dropped: int
    backlog_bytes: int
    events_dropped: int
    worker_lag_us: int
    free_bytes: int
    recordings_deleted: int = 0
    uploads_pending: int = 0
    uploads_oldest_ms: int = 0
    uploads_done: int = 0
    uploads_failed: int = 0
    upload_removals_pending: int = 0
    cluster_connected: int = 0
    cluster_losses: int = 0
    cluster_recordings: int = 0
    cluster_commands: int = 0
    cluster_late_commands: int = 0
    cluster_pending_ends: int = 0


_ENUMS = {
    "state": State,
    "end_reason": EndReason,
    "layout": Layout,
    "pause_mode": PauseMode,
    "direction": Direction,
    "consent": Consent,
}
_SKIPPED = {"struct_size", "reserved", "reserved2"}


def members_of(struct: ctypes.Structure) -> Dict[str, Any]:
    """The members of a struct that the library has filled, as Python values."""
    found: Dict[str, Any] = {}
    for name, kind, *_ in struct._fields_:
        if name in _SKIPPED or not has_member(struct, name):
            continue
        value = getattr(struct, name)
        if kind is ctypes.c_char_p:
            value = decoded(value)
        elif isinstance(value, _abi.rec_id):
            value = decoded(value.text)
        elif name in _ENUMS and value != 0:
            value = enum_of(_ENUMS[name], value)
        elif not isinstance(value, (int, str, bytes)):
            continue
        found[name] = value
    return found


def recording_of(struct: ctypes.Structure) -> Recording:
    members = members_of(struct)
    members["error"] = status_of(members["error"])
    members["flags"] = StartFlag(members["flags"])
    members["held"] = bool(members.get("held", 0))
    members["unreachable"] = bool(members.get("unreachable", 0))
    return Recording(**_split(Recording, members))


def call_of(struct: ctypes.Structure) -> CallView:
    members = members_of(struct)
    members["state"] = enum_of(CallState, members["state"])
    members["is_private"] = bool(members["is_private"])
    members["attributes"] = json.loads(members.pop("attributes_json") or "{}")
    members["related_call_ids"] = json.loads(members.pop("related_call_ids_json", "") or "[]")
    members["parties"] = json.loads(members.pop("parties_json", "") or "[]")
    return CallView(**_split(CallView, members))


def event_of(struct: "_abi.rec_event") -> Event:
    return Event(
        kind=enum_of(EventKind, struct.kind),
        flags=EventFlag(struct.flags),
        sequence=struct.sequence,
        time_ms=struct.time_ms,
        status=status_of(struct.status),
        call_tag=struct.call_tag,
        recording=recording_of(struct.recording.contents) if struct.recording else None,
        call=call_of(struct.call.contents) if has_member(struct, "call") and struct.call else None,
        json=json.loads(decoded(struct.json) or "{}"),
        call_number=struct.call_number if has_member(struct, "call_number") else 0,
        frame=struct.frame if has_member(struct, "frame") else 0,
        object_url=(decoded(struct.object_url) or "") if has_member(struct, "object_url") else "",
    )


def statistics_of(struct: "_abi.rec_statistics") -> Statistics:
    members = members_of(struct)
    return Statistics(**{name: members[name] for name in Statistics.__dataclass_fields__ if name in members})


def _split(kind: Any, members: Dict[str, Any]) -> Dict[str, Any]:
    """Members that the class does not have go to ``more``."""
    known = set(kind.__dataclass_fields__) - {"more"}
    own = {name: value for name, value in members.items() if name in known}
    own["more"] = {name: value for name, value in members.items() if name not in known}
    return own
