"""Calls are recorded."""

import struct
import wave

import pytest

import callrec
from callrec import Codec, EndReason, EventKind, Layout, Leg, State, Status

SAMPLES = 160


def tone(packet, level=8000):
    """20 ms of a square wave, which tells packets apart."""
    return struct.pack(f"<{SAMPLES}h", *[level + packet if n // 10 % 2 else -level - packet for n in range(SAMPLES)])


def rtp(sequence, payload, payload_type=0):
    return struct.pack(">BBHII", 0x80, payload_type, sequence & 0xFFFF, sequence * SAMPLES, 7) + payload


def samples_of(path):
    with wave.open(str(path)) as file:
        return file.getnchannels(), file.readframes(file.getnframes())


def accept(feed, function, data):
    """Passes in data. In stream time, a test is faster than the engine."""
    while not function(data):
        assert feed.wait(60_000)


def write(feed, data):
    accept(feed, feed.write, data)


def test_samples_are_recorded_as_they_were_written(engine, events, directory):
    written = b"".join(tone(packet) for packet in range(50))
    with engine.begin_call(call_id="c1", device_name="SEP1", attributes={"queue": "sales"}) as call:
        assert call.call_id == "c1"
        feed = call.open_feed(Leg.LOCAL, Codec.PCM16)
        id = engine.start(call_id="c1", layout=Layout.LOCAL)
        for at in range(0, len(written), 2 * SAMPLES):
            write(feed, written[at : at + 2 * SAMPLES])
    started, finished = events.wait_for(EventKind.STARTED), events.wait_for(EventKind.FINISHED)
    assert started.recording.id == finished.recording.id == id
    assert finished.recording.state == State.FINISHED
    assert finished.recording.end_reason == EndReason.CALL_ENDED
    assert finished.recording.duration_ms == 1000
    assert finished.json["recording"]["call"]["attributes"] == {"queue": "sales"}
    assert finished.recording.path == str(directory / "c1.wav")
    assert samples_of(finished.recording.path) == (1, written)
    callrec.verify(finished.recording.path)
    kinds = [event.kind for event in events.seen]
    assert EventKind.CALL_BEGAN in kinds
    ended = events.wait_for(EventKind.CALL_ENDED) if EventKind.CALL_ENDED not in kinds else None
    assert ended is None or ended.call.call_id == "c1"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_rtp_of_any_buffer_is_recorded(engine, events, kind):
    with engine.begin_call(call_id="c2") as call:
        feed = call.open_feed(Leg.REMOTE, Codec.PCMU)
        engine.start(call_id="c2", layout=Layout.REMOTE, format="wav-ulaw")
        payloads = [bytes([0x80 + n % 64]) * SAMPLES for n in range(50)]
        for n, payload in enumerate(payloads):
            accept(feed, feed.rtp, kind(rtp(n, payload)))
    path = events.wait_for(EventKind.FINISHED).recording.path
    with open(path, "rb") as file:
        assert file.read().endswith(b"".join(payloads))


def test_payload_types_are_declared(engine, events):
    with engine.begin_call(call_id="c3") as call:
        feed = call.open_feed(Leg.LOCAL, Codec.PCMU)
        feed.sdp("m=audio 9 RTP/AVP 96\r\na=rtpmap:96 L16/8000\r\n")
        feed.payload(97, Codec.PCM16, sample_rate=8000)
        engine.start(call_id="c3", layout=Layout.LOCAL)
        big_endian = struct.pack(f">{SAMPLES}h", *range(SAMPLES))
        for n in range(20):
            accept(feed, feed.rtp, rtp(n, big_endian, 96 + n % 2))
    _, samples = samples_of(events.wait_for(EventKind.FINISHED).recording.path)
    assert samples == struct.pack(f"<{SAMPLES}h", *range(SAMPLES)) * 20
    with pytest.raises(callrec.Error) as refused:
        feed.rtp(rtp(0, big_endian))
    assert refused.value.status == Status.BAD_HANDLE


def test_what_is_said_in_a_pause_is_not_kept(engine, events):
    with engine.begin_call(call_id="c4") as call:
        feed = call.open_feed(Leg.LOCAL, Codec.PCM16)
        id = engine.start(call_id="c4", layout=Layout.LOCAL, pause_mode=callrec.PauseMode.SKIP)
        write(feed, tone(1))
        engine.pause(id)
        with pytest.raises(callrec.Error) as refused:
            engine.pause(id)
        assert refused.value.status == Status.ALREADY_PAUSED
        write(feed, tone(2))
        engine.resume(id)
        write(feed, tone(3))
        engine.stop(id)
    finished = events.wait_for(EventKind.FINISHED)
    assert samples_of(finished.recording.path)[1] == tone(1) + tone(3)
    assert finished.recording.paused_ms == 20
