"""Every function of the header is offered by a class, or is listed here with a reason."""

import json
from dataclasses import fields

import pytest

import callrec
from callrec import Codec, EventKind, Leg, Status, _abi, _library

# Functions that only `_abi` offers, or that are not reached here.
RAW_ONLY = {
    "rec_snapshot_cursor": "Engine.cluster_list calls it, if the engine is in a cluster",
    "rec_subscribe": "Engine.subscribe calls rec_subscribe_with",
}
# Members of structs that no class offers under their name.
OTHERWISE = {"struct_size", "reserved", "reserved2", "attributes_json", "related_call_ids_json", "parties_json"}


@pytest.fixture
def noted(header, monkeypatch):
    """The names of the functions of the library that are called from now on."""
    names = set()

    def noting(name, function):
        def call(*arguments):
            names.add(name)
            return function(*arguments)

        return call

    for name in [one.name for one in header.functions]:
        monkeypatch.setattr(_library.lib, name, noting(name, getattr(_library.lib, name)))
    return names


def attempt(function, *arguments, **named):
    """Calls a function that may fail here."""
    try:
        return function(*arguments, **named)
    except callrec.Error as error:
        return error.status


def feeds(call):
    with call.open_feed(Leg.LOCAL) as feed:
        packet = bytes([0x80, 0, 0, 1]) + bytes(8) + bytes(160)
        assert feed.write(bytes(320)) and feed.wait(1000)
        attempt(feed.write_at, 0, bytes(320))
        feed.set_format(Codec.PCM16, sample_rate=16000)
        feed.clear()
        feed.dtmf()
    with call.open_feed(Leg.REMOTE) as feed:
        feed.payload(97, Codec.PCM16)
        feed.sdp("m=audio 9 RTP/AVP 0\r\n")
        assert feed.rtp(packet) and feed.rtp_at(1000, packet)


def control(engine, call):
    call.stop()
    id = call.start()
    engine.hold(id)
    engine.hold(id, False)
    engine.pause(id)
    engine.resume(id)
    call.pause()
    call.resume()
    assert attempt(engine.delete, id) == Status.LIVE
    for operation in ("pause", "resume", "stop", "discard"):
        attempt(engine.control_call, operation, "a")
        attempt(engine.control_device, operation, "SEP1")
        attempt(getattr(engine, operation), id)
    call.start()
    call.discard()
    assert attempt(engine.start, call_id="a", keep=True) == Status.UNSUPPORTED
    id = engine.start(call_id="a")
    assert [recording.id for recording in engine.list()] == [id]
    [described] = engine.list_json()
    assert described["id"] == id and engine.get(id).id == id
    return id


def cluster(engine, id):
    """The engine is in no cluster, so each function is refused."""
    stop = callrec.ControlOperation.STOP
    assert attempt(engine.cluster_list, limit=1) == Status.UNSUPPORTED
    assert attempt(engine.cluster_get, id) == Status.UNSUPPORTED
    assert attempt(engine.cluster_control, stop, id) == Status.UNSUPPORTED
    assert attempt(engine.cluster_control_line, stop, "SEP1") == Status.UNSUPPORTED
    assert attempt(engine.cluster_control_call, stop, "a", timeout_ms=10) == Status.UNSUPPORTED


def gateways(engine):
    gateway = attempt(engine.start_gateway, lambda credentials: None, socket=False)
    if gateway == Status.UNSUPPORTED:
        gateway = callrec.Gateway(_abi.rec_gateway())
    attempt(lambda: gateway.port)
    response = attempt(gateway.handle, "GET", "/")
    if response == Status.UNSUPPORTED:
        pytest.skip("the library has no gateway")
    assert response.status == 404
    gateway.stop()


def ended_with_the_call(event):
    return event.kind == EventKind.FINISHED and event.recording.end_reason == callrec.EndReason.CALL_ENDED


def test_every_function_is_offered(settings, tmp_path, header, noted):
    settings_file = tmp_path / "settings.json"
    settings_file.write_text(json.dumps({"storage": {"directory": str(tmp_path / "other"), "min_free_bytes": 0}}))
    callrec.Engine(settings_file).close()
    threads = []
    with callrec.Engine(settings, on_thread_start=threads.append) as engine:
        events = engine.events(calls=True)
        engine.set_log(lambda level, text: None)
        engine.set_line("SEP1")
        engine.remove_line("SEP1")
        engine.register_codec("plain", lambda *_: None)
        with engine.begin_call(call_id="a", device_name="SEP1") as call:
            call.update(username="anna")
            call.set_private(True)
            call.set_private(False)
            call.set_parties(Leg.REMOTE, [{"name": "Ada"}])
            assert call.call_id == "a"
            feeds(call)
            cluster(engine, control(engine, call))
        assert engine.stats().recordings_deleted == 0
        gateways(engine)
        path = next(event.recording.path for event in events if ended_with_the_call(event))
        events.close()
        head = engine.audit_head()
        assert engine.adopt(tmp_path / "other") == 0
        assert attempt(engine.adopt, tmp_path / "missing") == Status.NOT_FOUND
    callrec.verify(path)
    assert callrec.verify_audit(settings["storage.directory"], head).sequence >= head.sequence
    assert callrec.version() == ".".join(str(part) for part in callrec.version_info())
    assert threads and all(name.startswith("callrec-") for name in threads)
    assert sorted({one.name for one in header.functions} - noted) == sorted(RAW_ONLY)


@pytest.mark.parametrize(
    "struct, kind",
    [
        ("rec_recording", callrec.Recording),
        ("rec_call_view", callrec.CallView),
        ("rec_event", callrec.Event),
        ("rec_statistics", callrec.Statistics),
        ("rec_counts", callrec.Counts),
        ("rec_audit_report", callrec.AuditReport),
        ("rec_chain_head", callrec.ChainHead),
        ("rec_credentials", callrec.Credentials),
        ("rec_identity", callrec.Identity),
        ("rec_caller", callrec.Caller),
    ],
)
def test_every_member_is_offered(struct, kind):
    members = {name for name, *_ in getattr(_abi, struct)._fields_}
    assert members - OTHERWISE <= {field.name for field in fields(kind)}


def test_every_struct_is_offered_or_filled_by_a_class(header):
    """A new struct needs an entry in the test above, or a class that fills it."""
    filled = {
        "rec_call_info", "rec_start_options", "rec_filter", "rec_line_info", "rec_feed_format", "rec_subscribe_options",
        "rec_codec_ops", "rec_gateway_options", "rec_http_request", "rec_error", "rec_id",
        "rec_engine", "rec_call", "rec_feed", "rec_subscription", "rec_gateway",
    }
    offered = {parameters[0] for parameters in test_every_member_is_offered.pytestmark[0].args[1]}
    assert set(header.structs) == filled | offered
