//! Tests of the path from feed to sink, in simulated time.

mod codec_changes;
mod codec_damage;
mod codecs;
mod concealment;
mod decoder_states;
mod decoding_load;
mod dtmf;
mod early_audio;
mod external;
mod formats;
mod hostile;
mod keep_raw;
mod leaks;
mod lookback;
mod lookback_beside_recordings;
mod lookback_limits;
mod losses;
mod overflow;
mod pauses;
mod points;
mod pressure;
mod rate_changes;
mod rings;
mod rtp_streams;
#[cfg(feature = "faults")]
mod short_strides;
mod stalls;
mod stops;
mod strides;
mod telephone_events;
mod threads;
mod transfers;
mod visits;
mod waiting_points;
mod write_limiter;

use super::sim::{Sim, SimRecording};
use crate::CallTap;
use crate::feed::FeedMemory;
use callrec_base::clock::NS_PER_MS;
use callrec_base::types::{Codec, FeedFormat, FeedOptions, Leg};

pub(super) const ULAW: FeedFormat = FeedFormat {
    codec: Codec::Pcmu,
    rate: 8000,
};
pub(super) const ALAW: FeedFormat = FeedFormat {
    codec: Codec::Pcma,
    rate: 8000,
};
pub(super) const PCM: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 8000,
};
pub(super) const WIDE: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 16_000,
};

/// A sample value that is never 0 and differs from its neighbors.
pub(super) fn sample(leg: Leg, n: u64) -> i16 {
    1 + (n % 8000) as i16 + 8000 * leg as i16
}

pub(super) fn pcm(leg: Leg, from: u64, count: u64) -> Vec<u8> {
    (from..from + count)
        .flat_map(|n| sample(leg, n).to_ne_bytes())
        .collect()
}

pub(super) fn samples(leg: Leg, from: u64, count: u64) -> Vec<i16> {
    (from..from + count).map(|n| sample(leg, n)).collect()
}

/// A µ-law byte that identifies a packet. It is never silence.
pub(super) fn tag(n: u64) -> u8 {
    (n % 120) as u8 + 1
}

pub(super) fn packet(ssrc: u32, pt: u8, seq: u16, ts: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, pt];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&ts.to_be_bytes());
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The n-th 20 ms packet of a µ-law sender.
pub(super) fn ulaw(n: u64) -> Vec<u8> {
    let (seq, ts) = (n as u16, (n * 160) as u32);
    packet(7, 0, seq, ts, &[tag(n); 160])
}

pub(super) fn lease(call: &CallTap, options: impl Into<FeedOptions>) -> FeedMemory {
    call.lease_ring(options).expect("there is memory")
}

/// A real-time call with one µ-law leg, recorded as a µ-law file of that leg.
pub(super) fn one_leg() -> (Sim, SimRecording) {
    one_leg_of(Sim::real())
}

pub(super) fn one_leg_of(mut sim: Sim) -> (Sim, SimRecording) {
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(super::sim::RecordingOptions {
        layout: callrec_base::types::Layout::Local,
        format: callrec_base::types::Format::WAV_ULAW,
        ..Default::default()
    });
    sim.visit();
    (sim, recording)
}

/// Feeds the packets `from..to` except for `skip`, one every 20 ms.
pub(super) fn send(sim: &mut Sim, from: u64, to: u64, skip: &[u64]) {
    for n in from..to {
        if !skip.contains(&n) {
            sim.rtp(Leg::Local, &ulaw(n));
        }
        sim.now_ns += 20 * NS_PER_MS;
        if n % 5 == 4 {
            sim.visit();
        }
    }
}

/// The tag of each 20 ms of a µ-law file; 0 for silence, 255 for mixed content.
pub(super) fn tags(recording: &SimRecording) -> Vec<u8> {
    let out = recording.out.lock();
    out.bytes
        .chunks(160)
        .map(|packet| match packet.iter().all(|byte| *byte == packet[0]) {
            true if packet[0] == 0xff => 0,
            true => packet[0],
            false => 255,
        })
        .collect()
}

pub(super) fn expected(from: u64, to: u64) -> Vec<u8> {
    (from..to).map(tag).collect()
}
