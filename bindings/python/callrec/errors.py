"""Errors of the library."""

import ctypes
from typing import Any, Callable

from . import _abi
from ._library import lib
from .constants import Status


class Error(Exception):
    """A function of the library has failed.

    ``status``: a `Status`, or a number that this version does not know. ``reason``: Imagicle's
    BadRequestReason, or -1. ``device_name``: the line that may not be recorded, or "".
    """

    def __init__(self, status: int, message: str = "", reason: int = -1, device_name: str = "") -> None:
        text = lib.rec_status_text(status).decode()
        super().__init__(f"{text}: {message}" if message else text)
        self.status = status_of(status)
        self.reason = reason
        self.device_name = device_name


def status_of(value: int) -> int:
    """The `Status` of a number."""
    try:
        return Status(value)
    except ValueError:
        return value


def check(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function whose last parameter is a rec_error, and raises `Error` if it fails."""
    error = _abi.rec_error(struct_size=ctypes.sizeof(_abi.rec_error))
    status = function(*arguments, ctypes.byref(error))
    if status != Status.OK:
        raise Error(
            status,
            error.message.decode(errors="replace"),
            error.reason,
            error.device_name.decode(errors="replace"),
        )


def check_status(status: int) -> None:
    """Raises `Error` for the status of a function without a rec_error."""
    if status != Status.OK:
        raise Error(status)
