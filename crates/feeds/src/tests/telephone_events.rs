//! Telephone events (RFC 4733) with `media.dtmf` "mask": what they mask, and what they cannot mask.

use super::dtmf::*;
use super::*;
use crate::{ClockMode, OtherPayload};

/// A packet of the local leg: an event that began at `at_ms`, with its duration in its own clock.
fn event(n: u64, payload_type: u8, at_ms: u64, duration: u64) -> Vec<u8> {
    let duration = (duration as u16).to_be_bytes();
    let payload = [5, 10, duration[0], duration[1]];
    packet(7, payload_type, n as u16, (at_ms * 8) as u32, &payload)
}

/// Speech on both legs, the local one in RTP. `sent`: what the local leg sends instead at a time.
fn talk_in_rtp(sim: &mut Sim, length_ms: u64, sent: impl Fn(u64, u64) -> Option<Vec<u8>>) {
    for n in 0..length_ms / PACKET_MS {
        let ms = n * PACKET_MS;
        let samples = network(&audio(ms, &(0..0)));
        let speech = || packet(7, 96, n as u16, (ms * 8) as u32, &samples);
        sim.rtp(Leg::Local, &sent(n, ms).unwrap_or_else(speech));
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        sim.now_ns += PACKET_MS * NS_PER_MS;
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(1000);
}

/// The tone is audible only before its event, so the detector cannot know of it.
#[test]
fn what_is_audible_just_before_an_event_is_masked() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    let event = |n: u64, ms: u64, length: u64| {
        let length = (length * 8) as u16;
        let payload = [5, 10, (length >> 8) as u8, length as u8];
        packet(7, 101, n as u16, (ms * 8) as u32, &payload)
    };
    for n in 0..150u64 {
        let ms = n * PACKET_MS;
        // Too short for a detector.
        let samples = audio(ms, &(1478..1490));
        match ms {
            1500..1600 => sim.rtp(Leg::Local, &event(n, 1500, ms + 20 - 1500)),
            _ => sim.rtp(
                Leg::Local,
                &packet(7, 96, n as u16, (ms * 8) as u32, &network(&samples)),
            ),
        };
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        sim.now_ns += PACKET_MS * NS_PER_MS;
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(1000);
    let out = recording.out.lock();
    for channel in 0..2 {
        let (from, to) = silent_ms(&out.channel(channel)).expect("a silence");
        // The first packet defines the position of the stream: a packet's length of tolerance.
        assert!((1380..=1400).contains(&from), "{channel}: {from}");
        assert!((1700..=1720).contains(&to), "{channel}: {to}");
    }
    drop(out);
    assert_balance(&recording);
}

/// Events of unassigned types are masked, too; what cannot be one is not.
#[test]
fn an_event_needs_no_declaration() {
    for (payload_type, payload, is_event) in [
        (96 + 5, &[5, 10, 3, 32][..], true),
        (35, &[5, 10, 3, 32], true),
        (63, &[11, 0x8a, 3, 32], true),
        (77, &[16, 10, 3, 32], true),
        (95, &[0, 10, 3, 32], true),
        (2, &[5, 10, 3, 32], true),
        // A silence of G.723.1, G.729, an event that is no digit, a reserved bit, and other codecs.
        (4, &[5, 10, 3, 32], false),
        (18, &[5, 10, 3, 32], false),
        (101, &[17, 10, 3, 32], false),
        (35, &[5, 0x4a, 3, 32], false),
        (35, &[5, 10, 3], false),
        (77, &[5; 33], false),
    ] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        talk_in_rtp(&mut sim, 4000, |n, ms| {
            let sent = || packet(7, payload_type, n as u16, 1500 * 8, payload);
            (ms == 1600).then(sent)
        });
        let silence = silent_ms(&recording.out.lock().channel(1));
        assert_eq!(silence.is_some(), is_event, "{payload_type}: {payload:?}");
        if let Some((from, to)) = silence {
            assert!((1380..=1400).contains(&from) && (1700..=1720).contains(&to));
        }
        assert_balance(&recording);
    }
}

/// A packet may state any timestamp and a duration of 8 s.
#[test]
fn a_forged_event_masks_nothing_that_comes_after_it() {
    for at_ms in [1000, 2000, 2500, 4000, 9000, 11_900] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        talk_in_rtp(&mut sim, 14_000, |n, ms| {
            (ms == 2000).then(|| event(n, 101, at_ms, 0xffff))
        });
        let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
        // What has settled is not masked any more.
        assert!(
            from >= 400 && (2000..=2200).contains(&to),
            "at {at_ms}: {from} to {to}"
        );
        assert_balance(&recording);
    }
}

/// The sender states the longest duration, and continues with another segment (RFC 4733, 2.5.1.3).
#[test]
fn a_long_event_is_masked_to_its_end() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    let longest_ms = 0xffff / 8;
    talk_in_rtp(&mut sim, 14_000, |n, ms| {
        let pressed_ms = (1500..11_600).contains(&ms).then(|| ms - 1500)?;
        let segment_ms = pressed_ms / longest_ms * longest_ms;
        // Updates every 60 ms, and no audio.
        let sent_ms = pressed_ms / 60 * 60;
        let duration = sent_ms.saturating_sub(segment_ms) * 8;
        Some(event(n, 101, 1500 + segment_ms, duration))
    });
    let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
    assert!((1380..=1400).contains(&from), "{from}");
    assert!((11_640..=11_720).contains(&to), "{to}");
    assert_balance(&recording);
}

/// Only the last packet of an event of 300 ms arrives. Its duration counts in the declared clock.
#[test]
fn an_event_may_have_another_clock_than_the_audio() {
    for khz in [8, 16, 48] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        let clock_rate = khz as u32 * 1000;
        sim.other_payload(Leg::Local, 101, OtherPayload::Event { clock_rate });
        talk_in_rtp(&mut sim, 4000, |n, ms| {
            (ms == 1800).then(|| event(n, 101, 1500, 300 * khz))
        });
        let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
        assert!((1380..=1400).contains(&from), "{khz} kHz: {from}");
        assert!((1900..=1920).contains(&to), "{khz} kHz: {to}");
        assert_balance(&recording);
    }
}
