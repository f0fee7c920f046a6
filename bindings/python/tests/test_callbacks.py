"""Python functions that the library calls."""

import subprocess
import sys
import threading

import callrec
from callrec import EventKind, _callbacks


def test_an_exception_in_a_callback_does_no_harm(settings, monkeypatch):
    printed, delivered = [], threading.Event()
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: printed.append(value))

    def fails(event):
        if event.kind == EventKind.FINISHED:
            delivered.set()
        raise RuntimeError("a fault of the host")

    with callrec.Engine(settings) as engine:
        engine.subscribe(fails)
        with engine.begin_call(call_id="a"):
            engine.start(call_id="a")
        assert delivered.wait(60)
    assert {str(value) for value in printed} == {"a fault of the host"}
    assert len(printed) >= 2


def test_functions_are_released_when_the_library_no_longer_calls_them(settings):
    before = _callbacks.registered()
    with callrec.Engine(settings) as engine:
        subscription = engine.subscribe(lambda event: None)
        engine.subscribe(lambda event: None)
        engine.set_log(lambda level, text: None)
        assert _callbacks.registered() == before + 3
        subscription.close()
        assert _callbacks.registered() == before + 2
        engine.set_log(None)
        assert _callbacks.registered() == before + 1
    assert _callbacks.registered() == before


def test_log_lines_are_delivered(settings, directory):
    (directory / "taken").write_text("no directory")
    lines, failed = [], threading.Event()
    with callrec.Engine({**settings, "storage.name": "taken/{call_id}"}) as engine:
        engine.set_log(lambda level, text: lines.append((level, text)))
        engine.subscribe(lambda event: event.kind == EventKind.START_FAILED and failed.set())
        with engine.begin_call(call_id="a"):
            id = engine.start(call_id="a")
            assert failed.wait(60)
    assert [level for level, text in lines if id in text] == [callrec.LogLevel.ERROR]


def test_a_callback_may_use_the_engine(settings):
    seen, done = [], threading.Event()
    with callrec.Engine(settings) as engine:

        def look(event):
            if event.kind == EventKind.STARTED:
                seen.append(engine.get(event.recording.id))
                engine.stop(event.recording.id)
            elif event.kind == EventKind.FINISHED:
                done.set()

        engine.subscribe(look)
        with engine.begin_call(call_id="a"):
            id = engine.start(call_id="a")
            assert done.wait(60)
    assert [recording.id for recording in seen] == [id]


def test_a_program_that_closes_nothing_ends_as_usual(directory):
    program = f"""
import callrec
engine = callrec.Engine({{"storage.directory": {str(directory)!r}, "storage.min_free_bytes": 0}})
engine.subscribe(lambda event: None)
for n in range(30):
    call = engine.begin_call(call_id=str(n))
    call.start()
    call.end()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
