"""Finds and loads the library."""

import ctypes
import ctypes.util
import os
import sys
from pathlib import Path
from typing import Tuple

from . import _abi

_NAMES = {"win32": ["callrec.dll"], "darwin": ["libcallrec.0.dylib", "libcallrec.dylib"]}
_LINUX = ["libcallrec.so.0", "libcallrec.so"]


def library_path() -> str:
    """The file of the library: that of ``CALLREC_LIBRARY``, the one in this package, or the system's."""
    named = os.environ.get("CALLREC_LIBRARY")
    if named:
        return named
    names = _NAMES.get(sys.platform, _LINUX)
    bundled = [Path(__file__).parent / name for name in names]
    for path in bundled:
        if path.exists():
            return str(path)
    return ctypes.util.find_library("callrec") or names[0]


def _load() -> ctypes.CDLL:
    path = library_path()
    try:
        return _abi.declare(ctypes.CDLL(path))
    except OSError as error:
        raise ImportError(
            f"the library of callrec cannot be loaded ({error}); install libcallrec0, or set CALLREC_LIBRARY to its file"
        ) from error
    except AttributeError as error:
        raise ImportError(f"{path} is of an earlier version of callrec than this package: {error}") from error


lib = _load()


def version() -> str:
    """The version of the library."""
    return str(lib.rec_version().decode())


def version_info() -> Tuple[int, int, int]:
    """The version of the library as major, minor and patch."""
    number = lib.rec_version_number()
    return number >> 16, number >> 8 & 0xFF, number & 0xFF
