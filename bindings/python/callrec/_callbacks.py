"""Python functions that the library calls.

The library gets a number instead of a Python object. It calls ``user_data_free`` with the number once
it will not call the function again.
"""

import ctypes
import itertools
import sys
import threading
import time
from typing import Any, Callable, Dict, Optional, TypeVar, cast

from . import _abi
from ._convert import decoded
from .values import event_of

_Function = TypeVar("_Function", bound=Callable[..., object])
_Result = TypeVar("_Result")

_targets: Dict[int, Any] = {}
_numbers = itertools.count(1)
_lock = threading.Lock()
# How many functions run on each thread of the library. A thread changes its own entry only.
_running: Dict[int, int] = {}


def register(target: Any) -> int:
    """The number of a function or object, for ``user_data``.

    If the target has a method ``released``, it is called once the library has released the number.
    """
    with _lock:
        number = next(_numbers)
        _targets[number] = target
        return number


def forget(number: Optional[int]) -> None:
    """Lets go of a function that the library has not accepted, or no longer calls."""
    with _lock:
        target = _targets.pop(number or 0, None)
    released = getattr(target, "released", None)
    if released is not None:
        released()


def registered() -> int:
    """How many functions the library may call."""
    with _lock:
        return len(_targets)


def target_of(number: Optional[int]) -> Any:
    """The function or object of a number, or None."""
    return _targets.get(number or 0)


class _Interrupted(BaseException):
    """Ends a function of the program because the program ends."""


def callback(pointer: Any) -> Callable[[_Function], _Function]:
    """A decorator that makes a function pointer of C, which ctypes gives no type."""
    return cast(Callable[[_Function], _Function], pointer)


def contain(call: Callable[[], _Result], otherwise: _Result) -> _Result:
    """What ``call`` returns, or ``otherwise`` if it raises: a Python exception must not reach the library."""
    thread = threading.get_ident()
    try:
        _running[thread] = _running.get(thread, 0) + 1
        return call()
    except _Interrupted:
        return otherwise
    except BaseException:
        try:
            sys.excepthook(*sys.exc_info())
        except BaseException:
            pass  # Nobody is left who could be told.
        return otherwise
    finally:
        _running[thread] -= 1
        if _running[thread] == 0:
            del _running[thread]


def interrupt(timeout_s: float) -> None:
    """Raises an exception in the functions that run, and waits until the library calls none any more.

    Before Python 3.14, a thread that returns to Python after the interpreter has ended is killed, and its
    frames of the library then abort the process.
    """
    until = time.monotonic() + timeout_s
    for thread in list(_running):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Interrupted))
    while registered() > 0 and time.monotonic() < until:
        time.sleep(0.001)


@callback(_abi.rec_event_fn)
def on_event(user_data: int, event: Any) -> None:
    target = target_of(user_data)
    if target is not None:
        contain(lambda: target(event_of(event.contents)), None)


@callback(_abi.rec_log_fn)
def on_log(user_data: int, level: int, message: bytes) -> None:
    target = target_of(user_data)
    if target is not None:
        contain(lambda: target(level, decoded(message)), None)


@callback(_abi.rec_thread_fn)
def on_thread_start(user_data: int, name: bytes) -> None:
    hooks = target_of(user_data)
    if hooks is not None and hooks.on_start is not None:
        contain(lambda: hooks.on_start(decoded(name)), None)


@callback(_abi.rec_thread_fn)
def on_thread_end(user_data: int, name: bytes) -> None:
    hooks = target_of(user_data)
    if hooks is not None and hooks.on_end is not None:
        contain(lambda: hooks.on_end(decoded(name)), None)


@callback(_abi.rec_free_fn)
def on_free(user_data: int) -> None:
    contain(lambda: forget(user_data), None)


# NULL.
NO_LOG = _abi.rec_log_fn()
NO_FREE = _abi.rec_free_fn()
