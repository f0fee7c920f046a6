"""Fixtures of the tests."""

import importlib.util
import queue
import sys
from pathlib import Path

import pytest

import callrec

PATIENCE_S = 60


class Events:
    """Receives events, and waits for them."""

    def __init__(self) -> None:
        self._queue: "queue.Queue[callrec.Event]" = queue.Queue()
        self.seen = []

    def __call__(self, event: callrec.Event) -> None:
        self._queue.put(event)

    def wait_for(self, kind: int) -> callrec.Event:
        """The next event of a kind."""
        while True:
            event = self._queue.get(timeout=PATIENCE_S)
            self.seen.append(event)
            if event.kind == kind:
                return event


@pytest.fixture(scope="session")
def generator():
    """The module bindings/generate.py, which reads the header."""
    spec = importlib.util.spec_from_file_location("generate", Path(__file__).resolve().parents[2] / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def header(generator):
    return generator.parse(generator.HEADER.read_text())


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "recordings"


@pytest.fixture
def settings(directory):
    directory.mkdir()
    return {
        "storage.directory": str(directory),
        "storage.name": "{call_id}",
        "storage.min_free_bytes": 0,
        "media.clock": "stream",
    }


@pytest.fixture
def engine(settings):
    with callrec.Engine(settings) as engine:
        yield engine


@pytest.fixture
def events(engine):
    events = Events()
    engine.subscribe(events, calls=True)
    return events
