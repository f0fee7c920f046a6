"""Python functions that the library calls."""

import gc
import queue
import subprocess
import sys
import threading

import pytest

import callrec
from callrec import EventKind, Status, _callbacks


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


def test_a_callback_cannot_close_its_engine(settings):
    refused = queue.Queue()
    with callrec.Engine(settings) as engine:

        def close(event):
            try:
                engine.close()
            except callrec.Error as error:
                refused.put(error.status)

        with engine.subscribe(close):
            with engine.begin_call(call_id="a") as call:
                call.start()
            assert refused.get(timeout=60) == Status.IN_CALLBACK
        assert engine.stats().live_calls == 0


def test_events_are_iterated_until_the_engine_is_closed(settings):
    with callrec.Engine(settings) as engine:
        events = engine.events()
        with engine.begin_call(call_id="a") as call:
            call.start()
    assert [event.kind for event in events] == [EventKind.STARTED, EventKind.FINISHED]
    assert events.get() is None and list(events) == []
    events.close()


def test_a_closed_stream_ends(engine):
    with engine.events(calls=True) as events:
        with pytest.raises(queue.Empty):
            events.get(timeout=0)
        call = engine.begin_call(call_id="a")
        assert next(iter(events)).call.call_id == "a"
    with call:
        call.update(username="anna")
    assert list(events) == []


def test_functions_stay_while_the_library_may_call_them(engine, events):
    """Nothing but the library refers to them."""
    seen = queue.Queue()
    engine.subscribe(lambda event: seen.put(event.kind))
    gc.collect()
    with engine.begin_call(call_id="a") as call:
        call.start()
    assert seen.get(timeout=60) == EventKind.STARTED


def test_thread_hooks_run_on_each_thread(settings, monkeypatch):
    printed, begun, ended = [], [], []
    before = _callbacks.registered()
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: printed.append(str(value)))

    def begin(name):
        begun.append((threading.get_ident(), name))
        raise RuntimeError("a fault of the host")

    with callrec.Engine(
        settings, on_thread_start=begin, on_thread_end=lambda name: ended.append((threading.get_ident(), name))
    ) as engine:
        with engine.begin_call(call_id="a") as call:
            call.start()
    assert sorted(begun) == sorted(ended)
    assert printed == ["a fault of the host"] * len(begun)
    assert _callbacks.registered() == before


def test_a_fault_of_the_hook_for_exceptions_does_no_harm(settings, monkeypatch):
    def fails(*_):
        raise RuntimeError("a fault of the hook")

    monkeypatch.setattr(sys, "excepthook", fails)
    with callrec.Engine(settings) as engine:
        events = engine.events()
        engine.subscribe(fails)
        engine.register_codec("broken", fails)
        with engine.begin_call(call_id="a") as call:
            call.start()
    assert [event.kind for event in events] == [EventKind.STARTED, EventKind.FINISHED]


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_a_program_that_closes_nothing_ends_as_usual(directory):
    program = f"""
import callrec
ended = []
engine = callrec.Engine(
    {{"storage.directory": {str(directory)!r}, "storage.min_free_bytes": 0}},
    on_thread_start=lambda name: None,
    on_thread_end=ended.append,
)
engine.subscribe(lambda event: None)
engine.set_log(lambda level, text: None)
engine.register_codec("upside", lambda *_: None)
try:
    engine.start_gateway(lambda credentials: None)
except callrec.Error:
    pass
for n in range(30):
    call = engine.begin_call(call_id=str(n))
    call.open_feed(callrec.Leg.LOCAL).sdp("m=audio 9 RTP/AVP 96\\r\\na=rtpmap:96 upside/8000\\r\\n")
    call.start()
    if n % 2:
        call.end()
"""
    assert run(program) == (0, "", "")


@pytest.mark.parametrize("blocks", ["threading.Event().wait()", "time.sleep(1)", "while True: pass"])
def test_a_program_ends_while_a_callback_runs(directory, blocks):
    """The end of the program waits for a callback, but not for ever."""
    program = f"""
import callrec, callrec.engine, threading, time
callrec.engine.EXIT_TIMEOUT_MS = 100
begun = threading.Event()
engine = callrec.Engine({{"storage.directory": {str(directory)!r}, "storage.min_free_bytes": 0}})
def callback(event):
    begun.set()
    {blocks}
engine.subscribe(callback)
call = engine.begin_call(call_id="a")
call.start()
begun.wait()
print("end")
"""
    assert run(program) == (0, "end\n", "")
