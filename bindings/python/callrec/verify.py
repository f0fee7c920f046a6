"""Checks of finished files."""

import ctypes
from dataclasses import dataclass
from typing import Optional

from . import _abi
from ._convert import decoded, encoded, made
from ._library import lib
from .errors import check


@dataclass(frozen=True)
class ChainHead:
    """A position in an audit log."""

    sequence: int
    hash: str
    waiting: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class AuditReport:
    """What the check of an audit log has found."""

    sequence: int
    lines_after_head: int
    unfinished: int
    unfinished_bytes: int
    dropped: int
    hash: str


def verify(path: str) -> None:
    """Compares a finished file with the digest in its manifest. Raises `Error` if they differ."""
    check(lib.rec_verify, encoded(path))


def verify_audit(directory: str, known_head: Optional[ChainHead] = None) -> AuditReport:
    """Checks the audit log of a storage directory. Raises `Error` if it was changed."""
    report = made(_abi.rec_audit_report)
    head = None
    if known_head is not None:
        head = ctypes.byref(made(_abi.rec_chain_head, sequence=known_head.sequence, hash=known_head.hash.encode()))
    check(lib.rec_verify_audit, encoded(directory), head, ctypes.byref(report))
    return AuditReport(
        report.sequence,
        report.lines_after_head,
        report.unfinished,
        report.unfinished_bytes,
        report.dropped,
        decoded(report.hash),
    )
