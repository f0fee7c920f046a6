"""Calls and their audio."""

import ctypes
import json
from typing import Any, Dict, List, Optional, Union

from . import _abi
from ._convert import decoded, encoded, made
from ._library import lib
from .constants import Codec, Leg, Status
from .errors import Error, check, check_status
from .values import Caller, Counts

Buffer = Union[bytes, bytearray, memoryview]

_TEXTS = (
    "call_id",
    "switch_call_id",
    "device_name",
    "directory_number",
    "username",
    "numeric_user_id",
    "remote_first_name",
    "remote_last_name",
    "remote_phone_number",
    "ani",
    "dnis",
    "call_type",
    "consent_source",
    "related_call_id",
)
_NUMBERS = ("state", "direction", "tag", "connected_at_ms", "consent", "consent_from_ms")


def call_info(members: Dict[str, Any]) -> "_abi.rec_call_info":
    """A rec_call_info of keyword arguments. ``attributes``: a dictionary of strings."""
    info = made(_abi.rec_call_info)
    for name, value in members.items():
        if name in _TEXTS:
            setattr(info, name, encoded(value))
        elif name in _NUMBERS:
            setattr(info, name, value)
        elif name == "attributes":
            info.attributes_json = None if value is None else json.dumps(value).encode()
        else:
            raise TypeError(f"a call has no member {name!r}")
    return info


def caller_of(caller: Optional[Caller]) -> Any:
    """A rec_caller; NULL for the host itself."""
    if caller is None:
        return None
    return ctypes.byref(made(_abi.rec_caller, level=caller.level, username=encoded(caller.username)))


def start_options(**members: Any) -> "_abi.rec_start_options":
    """A rec_start_options of keyword arguments."""
    given = {name: encoded(one) if isinstance(one, str) else one for name, one in members.items()}
    return made(_abi.rec_start_options, **given)


def counts_of(function: Any, *arguments: Any) -> Counts:
    """Calls a function that counts recordings."""
    counts = made(_abi.rec_counts)
    check(function, *arguments, ctypes.byref(counts))
    return Counts(counts.changed, counts.already, counts.refused)


class Call:
    """A live call. `Engine.begin_call` makes it; leaving its ``with`` block ends it."""

    def __init__(self, handle: "_abi.rec_call") -> None:
        self._handle = handle

    @property
    def call_id(self) -> str:
        """The id of the call."""
        text = ctypes.create_string_buffer(4096)
        check(lib.rec_call_id, self._handle, text, len(text))
        return text.value.decode()

    def update(self, **members: Any) -> None:
        """Changes members of the call (``rec_call_info``); the others stay."""
        check(lib.rec_call_update, self._handle, ctypes.byref(call_info(members)))

    def set_private(self, on: bool) -> None:
        """Makes the call private: nothing of it is recorded meanwhile."""
        check(lib.rec_call_private, self._handle, int(on))

    def start(self, caller: Optional[Caller] = None, **options: Any) -> str:
        """Starts a recording of this call, and returns its id. ``options``: members of ``rec_start_options``."""
        id = _abi.rec_id()
        wanted = start_options(**options)
        check(lib.rec_call_start, self._handle, caller_of(caller), ctypes.byref(wanted), ctypes.byref(id))
        return decoded(id.text)

    def stop(self, caller: Optional[Caller] = None) -> Counts:
        """Stops the recordings of this call."""
        return counts_of(lib.rec_call_stop, self._handle, caller_of(caller))

    def discard(self, caller: Optional[Caller] = None) -> Counts:
        """Stops the recordings of this call and deletes them."""
        return counts_of(lib.rec_call_discard, self._handle, caller_of(caller))

    def pause(self, caller: Optional[Caller] = None) -> Counts:
        """Pauses the recordings of this call."""
        return counts_of(lib.rec_call_pause, self._handle, caller_of(caller))

    def resume(self, caller: Optional[Caller] = None) -> Counts:
        """Resumes the recordings of this call."""
        return counts_of(lib.rec_call_resume, self._handle, caller_of(caller))

    def set_parties(self, leg: int, parties: List[Dict[str, str]]) -> None:
        """Says who is heard on a leg from now on, such as ``[{"name": "Ada", "number": "+49301"}]``."""
        check(lib.rec_call_parties, self._handle, leg, json.dumps(parties).encode())

    def end(self) -> None:
        """Ends the call and its recordings."""
        check(lib.rec_call_end, self._handle)

    def open_feed(
        self,
        leg: int = Leg.LOCAL,
        codec: int = Codec.PCM16,
        sample_rate: int = 0,
        channels: int = 0,
        ahead_ms: int = 0,
    ) -> "Feed":
        """Opens the feed of a leg, through which its audio is passed in."""
        handle = _abi.rec_feed()
        format = feed_format(codec, sample_rate, channels, ahead_ms)
        check(lib.rec_feed_open, self._handle, leg, ctypes.byref(format), ctypes.byref(handle))
        return Feed(handle)

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.end()
        except Error as error:
            # Closing the engine has ended it.
            if error.status != Status.BAD_HANDLE:
                raise


def feed_format(codec: int, sample_rate: int, channels: int, ahead_ms: int = 0) -> "_abi.rec_feed_format":
    return made(
        _abi.rec_feed_format, codec=codec, sample_rate=sample_rate, channels=channels, ahead_ms=ahead_ms
    )


class Feed:
    """The audio of one leg. `rtp` and `write` never wait. Leaving a ``with`` block closes the feed."""

    def __init__(self, handle: "_abi.rec_feed") -> None:
        self._handle = handle

    def rtp(self, packet: Buffer) -> bool:
        """Passes in an RTP packet. Returns False if it was lost, because its memory is full."""
        return _accepted(lib.rec_feed_rtp(self._handle, _address(packet), len(packet)))

    def rtp_at(self, age_us: int, packet: Buffer) -> bool:
        """As `rtp`, for a packet that arrived ``age_us`` microseconds ago."""
        return _accepted(lib.rec_feed_rtp_at(self._handle, age_us, _address(packet), len(packet)))

    def write(self, samples: Buffer) -> bool:
        """Passes in samples. Returns False if there is no room for them now; `wait` waits for it."""
        return _accepted(lib.rec_feed_write(self._handle, _address(samples), len(samples)))

    def write_at(self, at: int, samples: Buffer) -> bool:
        """Passes in samples at a position of the host's own sample clock."""
        return _accepted(lib.rec_feed_write_at(self._handle, at, _address(samples), len(samples)))

    def wait(self, timeout_ms: int) -> bool:
        """Waits until a write is accepted again. Returns False at the timeout."""
        status = lib.rec_feed_wait(self._handle, timeout_ms)
        if status == Status.TIMEOUT:
            return False
        check_status(status)
        return True

    def set_format(self, codec: int, sample_rate: int = 0, channels: int = 0, ahead_ms: int = 0) -> None:
        """Changes how the samples of later writes are coded."""
        format = feed_format(codec, sample_rate, channels, ahead_ms)
        check(lib.rec_feed_set_format, self._handle, ctypes.byref(format))

    def payload(self, payload_type: int, codec: int, sample_rate: int = 0, channels: int = 0) -> None:
        """Declares an RTP payload type."""
        format = feed_format(codec, sample_rate, channels)
        check(lib.rec_feed_payload, self._handle, payload_type, ctypes.byref(format))

    def sdp(self, text: str) -> None:
        """Declares the payload types of a session description."""
        check(lib.rec_feed_sdp, self._handle, encoded(text))

    def dtmf(self, duration_ms: int = 0) -> None:
        """Says that a digit was keyed in (SIP INFO, KPML)."""
        check(lib.rec_feed_dtmf, self._handle, duration_ms)

    def clear(self) -> None:
        """Drops audio that was written ahead of the clock."""
        check(lib.rec_feed_clear, self._handle)

    def close(self) -> None:
        """Closes the feed. The call goes on."""
        check_status(lib.rec_feed_close(self._handle))

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.close()
        except Error as error:
            # The end of the call has closed it.
            if error.status != Status.BAD_HANDLE:
                raise


def _accepted(status: int) -> bool:
    if status == Status.OVERRUN:
        return False
    check_status(status)
    return True


def _address(data: Buffer) -> Optional[Any]:
    """What ctypes passes as the address of the bytes, without a copy where possible."""
    if isinstance(data, bytes):
        return data
    view = memoryview(data).cast("B")
    if view.readonly:
        return bytes(view)
    return (ctypes.c_char * len(view)).from_buffer(view)
