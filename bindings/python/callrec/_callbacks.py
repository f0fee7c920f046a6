"""Python functions that the library calls.

The library gets a number instead of a Python object. It calls ``user_data_free`` with the number once
it will not call the function again.
"""

import ctypes
import itertools
import sys
import threading
from typing import Any, Callable, Dict

from . import _abi
from .values import event_of

_targets: Dict[int, Callable[..., Any]] = {}
_numbers = itertools.count(1)
_lock = threading.Lock()


def register(target: Callable[..., Any]) -> int:
    """The number of a function, for ``user_data``."""
    with _lock:
        number = next(_numbers)
        _targets[number] = target
        return number


def forget(number: int) -> None:
    with _lock:
        _targets.pop(number, None)


def registered() -> int:
    """How many functions the library may call."""
    with _lock:
        return len(_targets)


def _call(user_data: int, make: Callable[[], tuple]) -> None:
    target = _targets.get(user_data)
    if target is None:
        return
    try:
        target(*make())
    except BaseException:  # A Python exception must not reach the library.
        sys.excepthook(*sys.exc_info())


@_abi.rec_event_fn
def on_event(user_data: int, event: Any) -> None:
    _call(user_data, lambda: (event_of(event.contents),))


@_abi.rec_log_fn
def on_log(user_data: int, level: int, message: bytes) -> None:
    _call(user_data, lambda: (level, message.decode(errors="replace")))


@_abi.rec_free_fn
def on_free(user_data: int) -> None:
    forget(user_data)


NO_LOG = ctypes.cast(None, _abi.rec_log_fn)
NO_FREE = ctypes.cast(None, _abi.rec_free_fn)
