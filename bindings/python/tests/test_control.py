"""Recordings are controlled and listed; errors are told."""

import pytest

import callrec
from callrec import Caller, Counts, EventKind, LineFlag, State, Status


def refused(function, *arguments, **named):
    with pytest.raises(callrec.Error) as error:
        function(*arguments, **named)
    return error.value


def test_lists_have_the_live_recordings(engine):
    with engine.begin_call(call_id="a", device_name="SEP1", username="anna", tag=7):
        with engine.begin_call(call_id="b", device_name="SEP2", username="ben"):
            first, second = (engine.start(call_id=id) for id in "ab")
            assert [recording.id for recording in engine.list()] == [first, second]
            [anna] = engine.list(username="anna")
            assert (anna.id, anna.device_name, anna.call_tag, anna.state) == (first, "SEP1", 7, State.RECORDING)
            assert engine.get(second).username == "ben"
            own = Caller("anna", level=2)
            assert [recording.id for recording in engine.list(own, username="anna")] == [first]
            assert refused(engine.list, own).status == Status.FORBIDDEN
            assert engine.stats().live_recordings == 2
            with pytest.raises(TypeError, match="device"):
                engine.list(device="SEP1")


def test_a_line_and_a_call_are_controlled_as_a_whole(engine):
    with engine.begin_call(call_id="a", device_name="SEP1", directory_number="101"):
        engine.start(call_id="a")
        assert engine.control_device("pause", "SEP1", "101") == Counts(1, 0, 0)
        assert refused(engine.control_device, "pause", "SEP1").status == Status.ALREADY_PAUSED
        assert engine.control_call("resume", "a") == Counts(1, 0, 0)
        assert engine.control_call("discard", "a") == Counts(1, 0, 0)
        assert engine.list() == []
        with pytest.raises(ValueError):
            engine.control_call("rewind", "a")


def test_errors_carry_what_the_library_says(engine, tmp_path):
    engine.set_line("SEP9", flags=LineFlag.NOT_MONITORABLE)
    with engine.begin_call(device_name="SEP9"):
        error = refused(engine.start, device_name="SEP9")
        assert (error.status, error.reason, error.device_name) == (Status.NOT_MONITORABLE, 1, "SEP9")
        assert "SEP9" in str(error)
        assert refused(engine.start, device_name="SEP9", format="tape").status == Status.INVALID_MODE
    (tmp_path / "file").write_text("no directory")
    assert refused(callrec.Engine, {"storage.directory": str(tmp_path / "file")}).status == Status.IO
    assert refused(callrec.Engine, {"no.such.key": 1}).status == Status.CONFIG
    with pytest.raises(TypeError, match="colour"):
        engine.begin_call(colour="red")
    with pytest.raises(TypeError, match="colour"):
        engine.start(call_id="a", colour="red")


def test_an_automatic_line_records_by_itself(engine, events):
    engine.set_line("SEP3", flags=LineFlag.AUTOMATIC)
    with engine.begin_call(call_id="auto", device_name="SEP3"):
        started = events.wait_for(EventKind.STARTED)
        assert started.recording.flags == callrec.StartFlag.AUTOMATIC
    assert events.wait_for(EventKind.FINISHED).recording.call_id == "auto"


def test_the_audit_log_is_intact_until_somebody_changes_it(settings, directory):
    with callrec.Engine(settings) as engine:
        with engine.begin_call(call_id="a"):
            engine.stop(engine.start(call_id="a"))
        engine.close()
    report = callrec.verify_audit(str(directory))
    assert report.sequence >= 2
    log = directory / ".callrec" / "audit.log"
    log.write_bytes(log.read_bytes().replace(b'"a"', b'"b"'))
    with pytest.raises(callrec.Error) as changed:
        callrec.verify_audit(str(directory))
    assert changed.value.status == Status.AUDIT


def test_a_call_is_controlled_by_its_handle(engine, events):
    with engine.begin_call(call_id="a", related_call_id="b") as call:
        call.set_parties(callrec.Leg.REMOTE, [{"name": "Ada"}, {"name": "Ben"}])
        updated = events.wait_for(EventKind.CALL_UPDATED).call
        assert updated.related_call_ids == ["b"]
        assert [stay["party"]["name"] for stay in updated.parties] == ["Ada", "Ben"]
        id = call.start(layout=callrec.Layout.MONO)
        assert [recording.id for recording in engine.list(call_id="b")] == [id]
        assert call.pause() == Counts(1, 0, 0)
        assert refused(call.pause).status == Status.ALREADY_PAUSED
        assert call.resume() == Counts(1, 0, 0)
        assert call.stop() == Counts(1, 0, 0)
        finished = events.wait_for(EventKind.FINISHED)
        parties = finished.json["recording"]["call"]["parties"]
        assert sorted(str(party).count("Ada") + 2 * str(party).count("Ben") for party in parties) == [1, 2]
        call.start()
        assert call.discard() == Counts(1, 0, 0)
    assert refused(call.start).status == Status.BAD_HANDLE


def test_a_held_recording_is_not_deleted(engine, events, directory):
    with engine.begin_call(call_id="a") as call:
        id = call.start()
        engine.hold(id)
        assert refused(engine.discard, id).status == Status.HELD
    events.wait_for(EventKind.FINISHED)
    assert refused(engine.delete, id).status == Status.HELD
    assert (directory / "a.wav").exists()
    engine.hold(id, False)
    engine.delete(id)
    assert not (directory / "a.wav").exists() and not (directory / "a.json").exists()
    assert refused(engine.delete, id).status == Status.NOT_FOUND
    assert events.wait_for(EventKind.DELETED).recording.id == id
