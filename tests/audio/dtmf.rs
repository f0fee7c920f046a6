//! `media.dtmf` through the C ABI: telephone events, and digits that the host reports.

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;
use crate::plugged_codec::describe;
use crate::support::checked;

const SPEECH: u8 = 0x21;
const REMOTE: u8 = 0x22;
const DIGIT: u8 = 9;

fn dtmf(feed: rec_feed, duration_ms: u32) -> rec_status {
    match checked(|e| unsafe { rec_feed_dtmf(feed, duration_ms, e) }) {
        Ok(_) => REC_OK,
        Err(refused) => refused.status,
    }
}

/// The n-th packet of 20 ms.
fn rtp_packet(n: u32, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        sequence: n as u16,
        timestamp,
        ssrc: 77,
    };
    packet(header, payload)
}

/// A call of two seconds. An event of 100 ms begins at one second; the host reports a digit of 80
/// ms at 1.6 s.
fn record(mode: &str) -> (RecordingFixture, FinishedRecording) {
    let fixture = RecordingFixture::new(&[("media.dtmf", mode)]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    for n in 0..100u32 {
        let sent = match n {
            50..55 => {
                let duration = ((n - 49) * 160).to_be_bytes();
                rtp_packet(n, 101, 8000, &[DIGIT, 10, duration[2], duration[3]])
            }
            _ => rtp_packet(n, 0, n * 160, &[SPEECH; 160]),
        };
        until_accepted(local, || rtp(local, &sent));
        until_accepted(remote, || write(remote, &[REMOTE; 160]));
        if n == 79 {
            assert_eq!(dtmf(local, 80), REC_OK);
        }
    }
    assert_eq!(dtmf(local, 10_001), REC_ERR_INVALID_ARGUMENT);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(unsafe { rec_feed_close(local) }, REC_OK);
    assert_eq!(dtmf(local, 80), REC_ERR_BAD_HANDLE);
    (fixture, finished)
}

/// The milliseconds in which a channel is silent, in steps of 10 ms.
fn silent(finished: &FinishedRecording, channel: usize) -> Vec<usize> {
    let frames = finished.wav.data.chunks_exact(2).skip(40).step_by(80);
    let silent = |(n, frame): (usize, &[u8])| (frame[channel] == 0xff).then_some(n * 10);
    frames.enumerate().filter_map(silent).collect()
}

/// Speech of 20 ms in L16.
fn l16(rate: u32) -> Vec<u8> {
    (0..rate / 50).flat_map(|_| 1000i16.to_be_bytes()).collect()
}

fn masked(from_ms: usize, to_ms: usize) -> Vec<usize> {
    (from_ms..to_ms).step_by(10).collect()
}

#[test]
fn digits_are_silent_on_all_legs() {
    let (fixture, finished) = record("mask");
    assert_eq!(finished.wav.frames(), 16_000);
    let [local, remote] = [silent(&finished, 0), silent(&finished, 1)];
    // The host's report: 80 + 100 ms before and after 1,600 ms.
    let reported = masked(1420, 1780);
    assert_eq!(remote, [masked(900, 1200), reported.clone()].concat());
    assert_eq!(local, remote);
    let legs = &finished.manifest["legs"];
    let balance = |leg: usize, handed: u64, outside: u64| {
        assert_eq!(legs[leg]["handed_ms"], handed, "{legs:#}");
        assert_eq!(legs[leg]["outside_ms"]["dtmf"], outside, "{legs:#}");
        assert_eq!(legs[leg]["audio_ms"], handed - outside, "{legs:#}");
    };
    // The local leg sent no audio during its event.
    balance(0, 1900, 560);
    balance(1, 2000, 660);
    assert_eq!(finished.manifest["lost_ms"], 0);
    fixture.close();
}

#[test]
fn digits_are_recorded_by_default() {
    let (fixture, finished) = record("keep");
    assert_eq!(silent(&finished, 0), masked(1000, 1100));
    assert!(silent(&finished, 1).is_empty());
    assert_eq!(finished.manifest["legs"][1]["audio_ms"], 2000);
    fixture.close();
}

/// Only the last packet of an event of 300 ms arrives. It begins by the clock of the audio, and lasts
/// by its own.
#[test]
fn an_event_lasts_by_the_clock_that_is_declared_for_it() {
    for (audio, clock) in [
        (16_000u32, 16_000u32),
        (48_000, 48_000),
        (8000, 48_000),
        (48_000, 8000),
    ] {
        let fixture = RecordingFixture::new(&[("media.dtmf", "mask"), ("recording.sample_rate", "8000")]);
        let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
        let sdp = format!(
            "m=audio 1 RTP/AVP 97 101\na=rtpmap:97 L16/{audio}\na=rtpmap:101 telephone-event/{clock}\n"
        );
        describe(local, &sdp).unwrap();
        let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
        for n in 0..100u32 {
            let sent = match n {
                50..64 => None,
                64 => {
                    let duration = (clock * 3 / 10).to_be_bytes();
                    let payload = [DIGIT, 0x8a, duration[2], duration[3]];
                    Some(rtp_packet(n, 101, audio, &payload))
                }
                _ => Some(rtp_packet(n, 97, n * (audio / 50), &l16(audio))),
            };
            if let Some(sent) = sent {
                until_accepted(local, || rtp(local, &sent));
            }
            until_accepted(remote, || write(remote, &[REMOTE; 160]));
        }
        let finished = fixture.stop_and_read(&id);
        assert_eq!(silent(&finished, 1), masked(900, 1400), "{audio} {clock}");
        fixture.close();
    }
}

/// The host does not know how long the key was pressed: 250 ms are assumed.
#[test]
fn a_digit_without_a_duration_has_a_usual_one() {
    let fixture = RecordingFixture::new(&[("media.dtmf", "mask")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    for n in 0..100 {
        until_accepted(local, || write(local, &[SPEECH; 160]));
        until_accepted(remote, || write(remote, &[REMOTE; 160]));
        if n == 49 {
            assert_eq!(dtmf(local, 0), REC_OK);
        }
    }
    let finished = fixture.stop_and_read(&id);
    assert_eq!(silent(&finished, 0), masked(650, 1350));
    assert_eq!(silent(&finished, 1), masked(650, 1350));
    fixture.close();
}
