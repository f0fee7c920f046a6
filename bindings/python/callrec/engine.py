"""Engines: one storage directory and its threads."""

import atexit
import ctypes
import json
import os
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, Union

from . import _abi, _callbacks, codec, gateway
from ._convert import decoded, encoded, made
from ._library import lib
from .call import Call, call_info, caller_of, counts_of, start_options
from .config import ThreadHook, configuration
from .constants import ControlOperation, Layout, PauseMode, Status
from .errors import Error, check
from .events import EventStream, Subscription, subscribe
from .gateway import Authenticate, Gateway
from .values import Caller, Counts, Event, Recording, Statistics, recording_of, statistics_of
from .verify import ChainHead

EXIT_TIMEOUT_MS = 10_000
"""How long the end of the program waits for an engine that is still open."""

_open_engines: "Set[Engine]" = set()


@atexit.register
def _close_engines() -> None:
    """An engine that is open at the end of the program would call Python when it is no longer there."""
    late = False
    for engine in list(_open_engines):
        try:
            engine.close(EXIT_TIMEOUT_MS)
        except Error as error:
            late |= error.status == Status.TIMEOUT
    if late:
        _callbacks.interrupt(timeout_s=1)


class Engine:
    """An engine. ``settings``: the keys of the configuration, or the path of a JSON file with them.

    ``on_thread_start`` and ``on_thread_end`` get the name of each thread of the library, on that thread.
    They must not use the engine.
    """

    def __init__(
        self,
        settings: "Union[Dict[str, Any], str, os.PathLike[str], None]" = None,
        *,
        on_thread_start: Optional[ThreadHook] = None,
        on_thread_end: Optional[ThreadHook] = None,
    ) -> None:
        self._handle = _abi.rec_engine()
        with configuration(settings, on_thread_start, on_thread_end) as config:
            check(lib.rec_open, config, ctypes.byref(self._handle))
        _open_engines.add(self)

    def close(self, timeout_ms: int = 10_000) -> None:
        """Ends all calls, finishes their recordings and delivers every event."""
        try:
            check(lib.rec_close, self._handle, timeout_ms)
        except Error as error:
            if error.status == Status.IN_CALLBACK:
                raise  # It is still open.
            _open_engines.discard(self)
            raise
        _open_engines.discard(self)

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.close()
        except Error as error:
            if error.status != Status.BAD_HANDLE:
                raise

    # Events

    def subscribe(self, callback: Callable[[Event], Any], calls: bool = False) -> Subscription:
        """Calls ``callback`` with each event, one at a time, on a thread of the library.

        ``calls``: also the events of calls. An exception of the callback is printed and nothing more.
        """
        return subscribe(self._handle, callback, calls)

    def events(self, calls: bool = False) -> EventStream:
        """The events from now on, to iterate over. Closing the engine ends the iteration.

        They wait in memory until they are read.
        """
        return EventStream(self._handle, calls)

    def set_log(self, callback: Optional[Callable[[int, str], Any]]) -> None:
        """Calls ``callback`` with the level and the text of each log line; None: with none."""
        if callback is None:
            return check(lib.rec_set_log, self._handle, _callbacks.NO_LOG, None, _callbacks.NO_FREE)
        number = _callbacks.register(callback)
        try:
            check(lib.rec_set_log, self._handle, _callbacks.on_log, number, _callbacks.on_free)
        except Error:
            _callbacks.forget(number)
            raise

    # Calls and lines

    def begin_call(self, **members: Any) -> Call:
        """Announces a call. The members are those of ``rec_call_info``; ``attributes`` is a dictionary."""
        handle = _abi.rec_call()
        check(lib.rec_call_begin, self._handle, ctypes.byref(call_info(members)), ctypes.byref(handle))
        return Call(handle)

    def set_line(self, device_name: str = "", directory_number: str = "", flags: int = 0) -> None:
        """Sets the policy of a line: ``LineFlag``."""
        check(lib.rec_line_set, self._handle, ctypes.byref(_line(device_name, directory_number, flags)))

    def remove_line(self, device_name: str = "", directory_number: str = "") -> None:
        """Removes the policy of a line."""
        check(lib.rec_line_remove, self._handle, ctypes.byref(_line(device_name, directory_number, 0)))

    def register_codec(
        self,
        encoding_name: str,
        factory: codec.DecoderFactory,
        *,
        conceals: bool = False,
        sample_rate: int = 0,
        channels: int = 0,
        frame_bytes: int = 0,
        frame_samples: int = 0,
    ) -> int:
        """Registers a codec that this program decodes, and returns its number for `Feed.payload`.

        ``factory`` makes a `Decoder` for each stream; ``conceals``: the decoders have the method
        ``conceal``. The sizes are those of ``rec_codec_ops``. The functions run on a thread of the library.
        """
        sizes = dict(sample_rate=sample_rate, channels=channels, frame_bytes=frame_bytes, frame_samples=frame_samples)
        return codec.register_codec(self._handle, encoding_name, factory, conceals, **sizes)

    def start_gateway(
        self,
        authenticate: Optional[Authenticate] = None,
        *,
        port: int = 0,
        address: Optional[str] = None,
        socket: bool = True,
    ) -> Gateway:
        """Starts a server with the HTTP APIs, on 127.0.0.1 and any free port unless others are given.

        ``authenticate`` identifies the clients; without it, none is let in. It runs on threads of the
        library. ``socket=False``: requests come by `Gateway.handle` only. Raises `Error` with
        `Status.UNSUPPORTED` if the library was built without the feature ``gateway``.
        """
        return gateway.start_gateway(self._handle, port, address, authenticate, socket)

    # Control

    def start(
        self,
        *,
        call_id: Optional[str] = None,
        device_name: Optional[str] = None,
        directory_number: Optional[str] = None,
        format: Optional[str] = None,
        layout: int = Layout.STEREO,
        pause_mode: int = PauseMode.SILENCE,
        flags: int = 0,
        max_duration_ms: int = 0,
        lookback_ms: int = 0,
        caller: Optional[Caller] = None,
        keep: bool = False,
        **more: Any,
    ) -> str:
        """Starts a recording of a call, and returns its id. ``more``: other members of ``rec_start_options``.

        ``keep``: with all that is kept of the call (``rec_call_keep``).
        """
        options = start_options(
            call_id=call_id,
            device_name=device_name,
            directory_number=directory_number,
            format=format,
            layout=layout,
            pause_mode=pause_mode,
            flags=flags,
            max_duration_ms=max_duration_ms,
            lookback_ms=lookback_ms,
            **more,
        )
        id = _abi.rec_id()
        function = lib.rec_call_keep if keep else lib.rec_start
        check(function, self._handle, caller_of(caller), ctypes.byref(options), ctypes.byref(id))
        return decoded(id.text)

    def stop(self, id: str, caller: Optional[Caller] = None) -> None:
        """Stops a recording."""
        check(lib.rec_stop_by_id, self._handle, caller_of(caller), encoded(id))

    def discard(self, id: str, caller: Optional[Caller] = None) -> None:
        """Stops a recording and deletes it."""
        check(lib.rec_discard_by_id, self._handle, caller_of(caller), encoded(id))

    def pause(self, id: str, caller: Optional[Caller] = None) -> None:
        """Pauses a recording."""
        check(lib.rec_pause_by_id, self._handle, caller_of(caller), encoded(id))

    def resume(self, id: str, caller: Optional[Caller] = None) -> None:
        """Resumes a recording."""
        check(lib.rec_resume_by_id, self._handle, caller_of(caller), encoded(id))

    def control_device(
        self, operation: str, device_name: str = "", directory_number: str = "", caller: Optional[Caller] = None
    ) -> Counts:
        """Does "stop", "discard", "pause" or "resume" to the recordings of a line."""
        function = _function(operation, "device")
        arguments = (encoded(device_name), encoded(directory_number))
        return self._control(function, caller, *arguments)

    def control_call(
        self, operation: str, call_id: str, url: Optional[str] = None, caller: Optional[Caller] = None
    ) -> Counts:
        """Does "stop", "discard", "pause" or "resume" to the recordings of a call.

        ``url``: only to the one with this URL; for "stop" and "discard".
        """
        function = _function(operation, "call")
        arguments = [encoded(call_id)]
        if operation in ("stop", "discard"):
            arguments.append(encoded(url))
        elif url is not None:
            raise TypeError(f"{operation} takes no url")
        return self._control(function, caller, *arguments)

    def _control(self, function: Any, caller: Optional[Caller], *arguments: Any) -> Counts:
        return counts_of(function, self._handle, caller_of(caller), *arguments)

    # Finished recordings

    def delete(self, id: str, caller: Optional[Caller] = None) -> None:
        """Deletes a finished recording: its files, its manifest and what waits for it."""
        check(lib.rec_delete, self._handle, caller_of(caller), encoded(id))

    def hold(self, id: str, on: bool = True, caller: Optional[Caller] = None) -> None:
        """Holds a recording, so that nothing deletes or discards it, or releases it."""
        check(lib.rec_hold, self._handle, caller_of(caller), encoded(id), int(on))

    def adopt(self, directory: Union[str, "os.PathLike[str]"], timeout_ms: int = 60_000) -> int:
        """Adopts the storage directory of a process that has died.

        Events report how its recordings ended. Returns the number of these recordings.
        """
        count = ctypes.c_uint32()
        check(lib.rec_adopt, self._handle, encoded(os.fspath(directory)), timeout_ms, ctypes.byref(count))
        return count.value

    # Lists and numbers

    def list(self, caller: Optional[Caller] = None, **filter: Optional[str]) -> List[Recording]:
        """The live recordings, newest last. ``filter``: members of ``rec_filter``."""
        return _recordings(self._snapshot(caller, filter))

    def list_json(self, caller: Optional[Caller] = None, **filter: Optional[str]) -> List[Dict[str, Any]]:
        """As `list`: each recording as the library describes it in events."""
        snapshot = self._snapshot(caller, filter)
        try:
            found: List[Dict[str, Any]] = json.loads(lib.rec_snapshot_json(snapshot))
            return found
        finally:
            lib.rec_snapshot_free(snapshot)

    def _snapshot(self, caller: Optional[Caller], filter: Dict[str, Optional[str]]) -> ctypes.c_void_p:
        wanted = made(_abi.rec_filter, **{name: encoded(value) for name, value in filter.items()})
        snapshot = ctypes.c_void_p()
        check(lib.rec_list, self._handle, caller_of(caller), ctypes.byref(wanted), ctypes.byref(snapshot))
        return snapshot

    def get(self, id: str, caller: Optional[Caller] = None) -> Recording:
        """One recording: live, finishing, or ended in the last minute."""
        snapshot = ctypes.c_void_p()
        check(lib.rec_get, self._handle, caller_of(caller), encoded(id), ctypes.byref(snapshot))
        return _recordings(snapshot)[0]

    # The nodes of a cluster

    def cluster_list(
        self,
        timeout_ms: int = 0,
        limit: int = 0,
        cursor: str = "",
        caller: Optional[Caller] = None,
        **filter: Optional[str],
    ) -> Tuple[List[Recording], str]:
        """The live recordings of all nodes, newest last, and the cursor of the next page."""
        wanted = made(_abi.rec_filter, **{name: encoded(value) for name, value in filter.items()})
        wanted.limit, wanted.cursor = limit, encoded(cursor)
        snapshot = ctypes.c_void_p()
        arguments = (self._handle, caller_of(caller), ctypes.byref(wanted), timeout_ms, ctypes.byref(snapshot))
        check(lib.rec_cluster_list, *arguments)
        next_cursor = decoded(lib.rec_snapshot_cursor(snapshot))
        return _recordings(snapshot), next_cursor

    def cluster_get(self, id: str, timeout_ms: int = 0, caller: Optional[Caller] = None) -> Recording:
        """One recording of any node."""
        snapshot = ctypes.c_void_p()
        arguments = (self._handle, caller_of(caller), encoded(id), timeout_ms, ctypes.byref(snapshot))
        check(lib.rec_cluster_get, *arguments)
        return _recordings(snapshot)[0]

    def cluster_control(
        self, operation: ControlOperation, id: str, timeout_ms: int = 0, caller: Optional[Caller] = None
    ) -> None:
        """Applies an operation to a recording of any node."""
        arguments = (self._handle, caller_of(caller), int(operation), encoded(id), timeout_ms)
        check(lib.rec_cluster_control_by_id, *arguments)

    def cluster_control_line(
        self,
        operation: ControlOperation,
        device_name: Optional[str] = None,
        directory_number: Optional[str] = None,
        timeout_ms: int = 0,
        caller: Optional[Caller] = None,
    ) -> Counts:
        """Applies an operation to the live recordings on a line, on all nodes."""
        texts = (encoded(device_name), encoded(directory_number))
        function = lib.rec_cluster_control_by_device
        return counts_of(function, self._handle, caller_of(caller), int(operation), *texts, timeout_ms)

    def cluster_control_call(
        self,
        operation: ControlOperation,
        call_id: str,
        url: Optional[str] = None,
        timeout_ms: int = 0,
        caller: Optional[Caller] = None,
    ) -> Counts:
        """Applies an operation to the live recordings of a call, on all nodes."""
        texts = (encoded(call_id), encoded(url))
        function = lib.rec_cluster_control_by_call
        return counts_of(function, self._handle, caller_of(caller), int(operation), *texts, timeout_ms)

    def stats(self) -> Statistics:
        """What is live, and counters since the engine was opened."""
        statistics = made(_abi.rec_statistics)
        check(lib.rec_stats, self._handle, ctypes.byref(statistics))
        return statistics_of(statistics)

    def audit_head(self) -> ChainHead:
        """The last line of the audit log, to be kept elsewhere."""
        head = made(_abi.rec_chain_head)
        check(lib.rec_audit_head, self._handle, ctypes.byref(head))
        return ChainHead(head.sequence, decoded(head.hash), head.waiting, head.dropped)


def _function(operation: str, target: str) -> Any:
    if operation not in ("stop", "discard", "pause", "resume"):
        raise ValueError(f"{operation!r}: stop, discard, pause and resume are known")
    return getattr(lib, f"rec_{operation}_by_{target}")


def _line(device_name: str, directory_number: str, flags: int) -> "_abi.rec_line_info":
    return made(
        _abi.rec_line_info,
        device_name=encoded(device_name),
        directory_number=encoded(directory_number),
        flags=flags,
    )


def _recordings(snapshot: ctypes.c_void_p) -> List[Recording]:
    try:
        count = lib.rec_snapshot_count(snapshot)
        return [recording_of(lib.rec_snapshot_get(snapshot, index).contents) for index in range(count)]
    finally:
        lib.rec_snapshot_free(snapshot)
