"""Fixtures of the tests."""

import queue

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
