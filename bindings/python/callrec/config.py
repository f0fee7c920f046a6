"""The configuration of an engine."""

import contextlib
import ctypes
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Optional, Union

from . import _callbacks
from ._convert import encoded
from ._library import lib
from .errors import Error, check, check_status

ThreadHook = Callable[[str], Any]
"""Gets the name of a thread of the library."""


@dataclass(frozen=True)
class _Hooks:
    """What ``user_data`` of the thread hooks stands for."""

    on_start: Optional[ThreadHook]
    on_end: Optional[ThreadHook]


@contextlib.contextmanager
def configuration(
    settings: "Union[Dict[str, Any], str, os.PathLike[str], None]",
    on_start: Optional[ThreadHook],
    on_end: Optional[ThreadHook],
) -> Iterator[ctypes.c_void_p]:
    """A rec_config, until the block ends."""
    config = ctypes.c_void_p()
    check_status(lib.rec_config_new(ctypes.byref(config)))
    try:
        if isinstance(settings, (str, os.PathLike)):
            check(lib.rec_config_load, config, os.fsencode(settings))
        else:
            for key, value in (settings or {}).items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                check(lib.rec_config_set, config, encoded(key), encoded(text))
        if on_start is not None or on_end is not None:
            _set_hooks(config, _Hooks(on_start, on_end))
        yield config
    finally:
        lib.rec_config_free(config)


def _set_hooks(config: ctypes.c_void_p, hooks: _Hooks) -> None:
    number = _callbacks.register(hooks)
    functions = (_callbacks.on_thread_start, _callbacks.on_thread_end)
    try:
        check(lib.rec_config_set_thread_hooks, config, *functions, number, _callbacks.on_free)
    except Error:
        _callbacks.forget(number)
        raise
