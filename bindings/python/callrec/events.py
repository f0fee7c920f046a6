"""Subscriptions to events."""

import ctypes
import queue
from typing import Any, Callable, Iterator, Optional

from . import _abi, _callbacks
from ._convert import made
from ._library import lib
from .constants import Status, SubscribeFlag
from .errors import Error, check, check_status
from .values import Event


class Subscription:
    """A subscription to events. `close` ends it, and so do leaving its ``with`` block and closing the engine."""

    def __init__(self, handle: "_abi.rec_subscription") -> None:
        self._handle = handle

    def close(self) -> None:
        """Ends the subscription. The callback is not running any more when this returns."""
        check_status(lib.rec_unsubscribe(self._handle))

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: Any) -> None:
        _close(self)


class EventStream:
    """Events to iterate over. `close` ends the iteration after those that have been raised before."""

    def __init__(self, engine: "_abi.rec_engine", calls: bool) -> None:
        self._events: "queue.SimpleQueue[Optional[Event]]" = queue.SimpleQueue()
        self._subscription = subscribe(engine, _Receiver(self._events), calls)

    def get(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event; None after the last one. Raises ``queue.Empty`` after ``timeout`` seconds."""
        event = self._events.get(timeout=timeout)
        if event is None:
            self._events.put(None)
        return event

    def close(self) -> None:
        """Ends the subscription."""
        _close(self._subscription)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.get, None)

    def __enter__(self) -> "EventStream":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class _Receiver:
    """Puts events into a queue, and None once the library delivers no more."""

    def __init__(self, events: "queue.SimpleQueue[Optional[Event]]") -> None:
        self._events = events

    def __call__(self, event: Event) -> None:
        self._events.put(event)

    def released(self) -> None:
        self._events.put(None)


def subscribe(engine: "_abi.rec_engine", callback: Callable[[Event], Any], calls: bool) -> Subscription:
    """Calls ``rec_subscribe_with``; see `Engine.subscribe`."""
    options = made(_abi.rec_subscribe_options, flags=int(SubscribeFlag.CALLS) if calls else 0)
    handle = _abi.rec_subscription()
    number = _callbacks.register(callback)
    arguments = (ctypes.byref(options), _callbacks.on_event, number, _callbacks.on_free)
    try:
        check(lib.rec_subscribe_with, engine, *arguments, ctypes.byref(handle))
    except Error:
        _callbacks.forget(number)
        raise
    return Subscription(handle)


def _close(subscription: Subscription) -> None:
    """Ends a subscription, unless it has ended with its engine."""
    try:
        subscription.close()
    except Error as error:
        if error.status != Status.BAD_HANDLE:
            raise
