"""Conversions between Python and C."""

import ctypes
from enum import IntEnum
from typing import Any, Optional, Type, TypeVar

S = TypeVar("S", bound=ctypes.Structure)
E = TypeVar("E", bound=IntEnum)


def made(kind: Type[S], **members: Any) -> S:
    """A struct that knows its size. ctypes would accept members that the struct does not have."""
    unknown = set(members) - {name for name, *_ in kind._fields_}
    if unknown:
        raise TypeError(f"{kind.__name__} has no member {', '.join(sorted(unknown))}")
    return kind(struct_size=ctypes.sizeof(kind), **members)


def encoded(text: Optional[str]) -> Optional[bytes]:
    """A C string; NULL for None."""
    return None if text is None else text.encode()


def decoded(text: Optional[bytes]) -> str:
    return "" if text is None else text.decode(errors="replace")


def enum_of(kind: Type[E], value: int) -> int:
    """The member of an enumeration; the number itself if a later version has added it."""
    try:
        return kind(value)
    except ValueError:
        return value


def has_member(struct: ctypes.Structure, name: str) -> bool:
    """Whether the library that made the struct knows this member."""
    descriptor = getattr(type(struct), name)
    return bool(descriptor.offset + descriptor.size <= struct.struct_size)
