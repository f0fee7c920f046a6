"""callrec records live telephone calls.

    import callrec

    with callrec.Engine({"storage.directory": "recordings"}) as engine:
        engine.subscribe(lambda event: print(event.kind.name, event.recording))
        with engine.begin_call(call_id="call-1") as call:
            feed = call.open_feed(callrec.Leg.LOCAL, callrec.Codec.PCMU)
            engine.start(call_id="call-1", format="flac")
            for packet in packets:          # RTP packets, as they arrive
                feed.rtp(packet)

A failure raises `Error` with the status of the C function. The header ``callrec.h`` describes every
function, each one's threads and errors; the names here are those of the header without ``rec_``.
"""

from ._library import library_path, version, version_info
from .call import Call, Feed
from .codec import ConcealingDecoder, Decoder
from .constants import (
    AuthMethod,
    CallState,
    Codec,
    Consent,
    ControlOperation,
    Direction,
    EndReason,
    EventFlag,
    EventKind,
    KeepRaw,
    Layout,
    Leg,
    Level,
    LineFlag,
    LogLevel,
    PauseMode,
    StartFlag,
    State,
    Status,
)
from .engine import Engine
from .errors import Error
from .events import EventStream, Subscription
from .gateway import Credentials, Gateway, Identity, Response
from .values import LOOKBACK_ALL, CallView, Caller, Counts, Event, Recording, Statistics
from .verify import AuditReport, ChainHead, verify, verify_audit

__version__ = "0.1.0"

__all__ = [
    "AuditReport",
    "AuthMethod",
    "Call",
    "CallState",
    "CallView",
    "Caller",
    "ChainHead",
    "Codec",
    "ConcealingDecoder",
    "Consent",
    "ControlOperation",
    "Counts",
    "Credentials",
    "Decoder",
    "Direction",
    "EndReason",
    "Engine",
    "Error",
    "Event",
    "EventFlag",
    "EventKind",
    "EventStream",
    "Feed",
    "Gateway",
    "Identity",
    "KeepRaw",
    "LOOKBACK_ALL",
    "Layout",
    "Leg",
    "Level",
    "LineFlag",
    "LogLevel",
    "PauseMode",
    "Recording",
    "Response",
    "StartFlag",
    "State",
    "Statistics",
    "Status",
    "Subscription",
    "library_path",
    "verify",
    "verify_audit",
    "version",
    "version_info",
]
