"""Codecs that Python decodes."""

import array
import sys
import threading

import pytest

import callrec
from callrec import EventKind, Layout, Leg, Status, _callbacks

from test_recording import SAMPLES, accept, rtp, samples_of

SDP = "m=audio 9 RTP/AVP 96\r\na=rtpmap:96 upside/8000\r\na=fmtp:96 mode=2\r\n"


class Upside:
    """Each byte stands for one sample: 256 times its value."""

    made, closed = [], 0

    def __init__(self, sample_rate, channels, fmtp):
        self.made.append((sample_rate, channels, fmtp))

    def decode(self, payload):
        if payload[0] == 99:
            raise RuntimeError("a fault of the decoder")
        if payload[0] == 98:
            return b"\0" * 2 * 48000
        if payload[0] == 97:
            return "text"
        return array.array("h", [256 * value for value in payload])

    def close(self):
        type(self).closed += 1


@pytest.fixture
def upside():
    Upside.made, Upside.closed = [], 0
    return Upside


def record(engine, events, payloads):
    with engine.begin_call(call_id="c") as call:
        with call.open_feed(Leg.LOCAL) as feed:
            feed.sdp(SDP)
            engine.start(call_id="c", layout=Layout.LOCAL)
            for n, payload in enumerate(payloads):
                accept(feed, feed.rtp, rtp(n, bytes(payload), 96))
    finished = events.wait_for(EventKind.FINISHED)
    return array.array("h", samples_of(finished.recording.path)[1]), finished


def test_a_codec_in_python_decodes_a_call(engine, events, upside):
    number = engine.register_codec("upside", upside)
    assert number >= callrec.Codec.REGISTERED
    samples, _ = record(engine, events, [[n] * SAMPLES for n in range(1, 21)])
    assert list(samples) == [256 * n for n in range(1, 21) for _ in range(SAMPLES)]
    assert set(upside.made) == {(8000, 1, "mode=2")}
    with pytest.raises(callrec.Error) as refused:
        engine.register_codec("UPSIDE", upside)
    assert refused.value.status == Status.EXISTS
    with pytest.raises(TypeError):
        engine.register_codec("other", upside, bits=16)


@pytest.mark.parametrize("fault", [97, 98, 99])
def test_a_fault_of_a_decoder_costs_the_packet_alone(settings, monkeypatch, upside, fault):
    printed, before = [], _callbacks.registered()
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: printed.append(value))
    with callrec.Engine(settings) as engine:
        events = engine.events()
        engine.register_codec("upside", upside)
        payloads = [[n] * SAMPLES for n in range(1, 21)]
        payloads[10] = [fault] * SAMPLES
        with engine.begin_call(call_id="c") as call:
            feed = call.open_feed(Leg.LOCAL)
            feed.sdp(SDP)
            engine.start(call_id="c", layout=Layout.LOCAL)
            for n, payload in enumerate(payloads):
                accept(feed, feed.rtp, rtp(n, bytes(payload), 96))
        [finished] = [event for event in iter_until_finished(events)]
    samples = array.array("h", samples_of(finished.recording.path)[1])
    expected = [0 if n == 11 else 256 * n for n in range(1, 21) for _ in range(SAMPLES)]
    assert list(samples) == expected
    assert len(printed) == 1
    assert len(upside.made) == upside.closed >= 2
    assert _callbacks.registered() == before


def iter_until_finished(events):
    for event in events:
        if event.kind == EventKind.FINISHED:
            yield event
            events.close()


def test_a_factory_may_refuse_or_fail(engine, events, monkeypatch):
    printed, answers = [], iter([None, RuntimeError("no decoder left")])
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: printed.append(str(value)))

    def factory(*_):
        answer = next(answers, None)
        if answer is not None:
            raise answer

    engine.register_codec("upside", factory)
    samples, finished = record(engine, events, [[n] * SAMPLES for n in range(1, 6)])
    assert printed == ["no decoder left"]
    assert not any(samples)
    assert "undecodable" in str(finished.json)


def test_gaps_are_concealed_by_the_codec(settings, upside):
    concealed = threading.Event()

    class Concealing(upside):
        def conceal(self, count):
            concealed.set()
            return array.array("h", [77]) * count

    with callrec.Engine({**settings, "media.concealment": "on"}) as engine:
        events = engine.events()
        engine.register_codec("upside", Concealing, conceals=True)
        with engine.begin_call(call_id="c") as call:
            feed = call.open_feed(Leg.LOCAL)
            feed.sdp(SDP)
            engine.start(call_id="c", layout=Layout.LOCAL)
            for n in [*range(10), *range(11, 20)]:
                accept(feed, feed.rtp, rtp(n, bytes([1] * SAMPLES), 96))
        [finished] = iter_until_finished(events)
    assert concealed.is_set()
    assert 77 in array.array("h", samples_of(finished.recording.path)[1])
