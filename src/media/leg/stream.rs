//! A leg's RTP: where each packet lies in time.

use super::scene::{guarded, newer};
use super::{AHEAD_NS, LegMedia, STREAM_SILENCE_NS, Scene, Tally};
use crate::clock::NS_PER_MS;
use crate::media::drain::Behind;
use crate::media::grid;
use crate::media::record::Header;
use crate::media::rtp::{self, Order, Packet};
use crate::words::{Codec, FeedFormat};

/// A new stream begins behind the one before it, unless that had run ahead this far.
const OVERLAP_NS: u64 = 200 * NS_PER_MS;

impl LegMedia {
    pub(super) fn rtp(
        &mut self,
        header: Header,
        bytes: &[u8],
        behind: Behind<'_>,
        scene: &Scene,
        tally: &mut Tally,
    ) {
        // Whatever this is: the next audio's number is what will show them.
        let overruns = newer(header.overruns, &mut self.packets_lost);
        self.trailed = self.trailed.saturating_add(overruns);
        let Some(packet) = rtp::parse(bytes) else {
            tally.unknown += 1;
            return;
        };
        let Some(format) = self.coded_as(&packet, tally) else {
            return;
        };
        match self.streams.sight(packet.ssrc, packet.sequence) {
            Order::Duplicate => {}
            Order::Suspect => tally.late += 1,
            Order::New => {
                self.trailed = 0;
                self.change_rate(format.rate);
                let at = self.begin_at(header.arrival_ns, scene);
                self.begin(&packet, at, format, tally);
            }
            Order::Next { missing } => {
                let overruns = std::mem::take(&mut self.trailed);
                tally.lost += missing.saturating_sub(u64::from(overruns)) as i64;
                let came = (header.arrival_ns, behind);
                self.next(came, &packet, missing, format, scene, tally);
            }
            Order::Old { counted } => self.straggler(&packet, counted, format, tally),
        }
    }

    /// `None`: no audio of ours; it is counted.
    fn coded_as(&mut self, packet: &Packet<'_>, tally: &mut Tally) -> Option<FeedFormat> {
        let format = rtp::format_of(packet.payload_type, &self.mapped);
        let Some(format) = format.filter(|format| samples(packet, *format) > 0) else {
            match rtp::is_comfort_noise(packet.payload_type) {
                true => tally.frames_in += 1,
                false => tally.unknown += 1,
            }
            self.streams.sight_only(packet.ssrc, packet.sequence);
            return None;
        };
        if !self.follows(format.rate) {
            tally.unknown += 1;
            return None;
        }
        tally.frames_in += 1;
        if format.rate == self.format.rate || rtp::is_mapped(packet.payload_type, &self.mapped) {
            self.told_rate = format.rate;
        }
        Some(format)
    }

    fn begin(&mut self, packet: &Packet<'_>, at: i64, format: FeedFormat, tally: &mut Tally) {
        self.streams
            .begin(packet, at, samples(packet, format), format.rate);
        self.audio(at, format, packet.payload, true, tally);
    }

    /// A packet behind others.
    fn straggler(&mut self, packet: &Packet<'_>, counted: bool, format: FeedFormat, tally: &mut Tally) {
        let stream = self.streams.of(packet.ssrc);
        let stream = stream.filter(|s| s.rate == format.rate && s.rate == self.track.rate());
        let place = stream.map(|s| s.place_old(packet.sequence, packet.timestamp));
        match place {
            Some(Some(at)) => {
                tally.lost -= i64::from(counted);
                self.audio(at, format, packet.payload, false, tally);
            }
            Some(None) => tally.late += 1,
            None => {}
        }
    }

    /// Where a stream begins that has nothing to hold on to.
    fn begin_at(&mut self, arrival_ns: u64, scene: &Scene) -> i64 {
        let end = self.track.end();
        self.fresh = false;
        if !scene.real {
            return end as i64;
        }
        let rate = self.track.rate();
        let arrival = grid::index(arrival_ns, rate);
        match end.saturating_sub(arrival) > grid::index(OVERLAP_NS, rate) {
            true => arrival as i64,
            false => arrival.max(end) as i64,
        }
    }

    /// The newest packet of the stream in front.
    fn next(
        &mut self,
        came: (u64, Behind<'_>),
        packet: &Packet<'_>,
        missing: u64,
        format: FeedFormat,
        scene: &Scene,
        tally: &mut Tally,
    ) {
        let same_clock = self.streams.current().is_some_and(|s| s.rate == format.rate);
        if !same_clock || self.track.rate() != format.rate {
            self.change_rate(format.rate);
            let at = self.splice_at(came.0, scene);
            self.begin(packet, at, format, tally);
            return;
        }
        let end = self.track.end();
        let len = self.streams.current().map_or(0, |stream| stream.len);
        let lost = missing.saturating_mul(len);
        let Some((wanted, at)) = self.place_next(came, packet, missing, format, scene) else {
            return;
        };
        if at > end as i64 {
            self.lose_before(at as u64, lost.min(at as u64 - end), tally);
            if at == wanted + 1 && wanted == end as i64 {
                self.repeat_first(end, format, packet.payload);
            }
        }
        self.audio(at, format, packet.payload, true, tally);
    }

    /// Where the newest packet's timestamp puts it, and where it lies.
    fn place_next(
        &mut self,
        (arrival_ns, behind): (u64, Behind<'_>),
        packet: &Packet<'_>,
        missing: u64,
        format: FeedFormat,
        scene: &Scene,
    ) -> Option<(i64, i64)> {
        let end = self.track.end();
        let rate = format.rate;
        let stream = self.streams.current()?;
        let wanted = stream.place(packet.timestamp);
        let standing = Standing {
            arrival_ns,
            end,
            floor: self.track.keeps().then(|| self.track.floor()),
            rate,
        };
        let mut at = followed(wanted, &standing, scene, || {
            let window = grid::index(scene.reorder_ns, rate) as i64;
            behind.any(|header, bytes| {
                let later = rtp::parse(bytes).filter(|later| later.ssrc == packet.ssrc);
                later.is_some_and(|later| {
                    let ahead = later.timestamp.wrapping_sub(packet.timestamp) as i32;
                    wanted + i64::from(ahead) >= grid::index(header.arrival_ns, rate) as i64 - window
                })
            })
        });
        if at != wanted {
            stream.moved(
                packet.sequence.wrapping_sub(missing as u16).wrapping_sub(1),
                at - wanted,
            );
            stream.drift = Default::default();
        } else if scene.real {
            let delay = grid::index(arrival_ns, rate) as i64 - at;
            at += stream.drift.observe(arrival_ns, delay, rate);
        }
        stream.newest(packet.timestamp, at, samples(packet, format));
        Some((wanted, at))
    }

    /// Where the same sender goes on at another clock rate.
    fn splice_at(&self, arrival_ns: u64, scene: &Scene) -> i64 {
        let end = self.track.end();
        if !scene.real || self.track.end_ns().saturating_add(scene.reorder_ns) >= arrival_ns {
            return end as i64;
        }
        grid::index(arrival_ns, self.track.rate()).max(end) as i64
    }

    /// The slipped sample: the one after it, twice. The one before it may have been said
    /// while a recording was paused that goes on from here.
    fn repeat_first(&mut self, at: u64, format: FeedFormat, payload: &[u8]) {
        let Some(first) = payload.get(..format.codec.sample_bytes()) else {
            return;
        };
        let mut copy = [0; 2];
        copy[..first.len()].copy_from_slice(first);
        if format.codec == Codec::Pcm16 {
            copy = i16::from_be_bytes(copy).to_ne_bytes();
        }
        self.track.place(at, format.codec, &copy[..first.len()]);
    }

    fn audio(&mut self, at: i64, format: FeedFormat, payload: &[u8], newest: bool, tally: &mut Tally) {
        if format.codec != Codec::Pcm16 {
            self.place_or_late(at, format.codec, payload, newest, tally);
            return;
        }
        let mut native = std::mem::take(&mut self.native);
        native.clear();
        for pair in payload.chunks_exact(2) {
            let sample = i16::from_be_bytes([pair[0], pair[1]]);
            native.extend_from_slice(&sample.to_ne_bytes());
        }
        self.place_or_late(at, Codec::Pcm16, &native, newest, tally);
        self.native = native;
    }
}

fn samples(packet: &Packet<'_>, format: FeedFormat) -> u64 {
    (packet.payload.len() / format.codec.sample_bytes()) as u64
}

/// Where a leg's stream stands when its next packet comes.
struct Standing {
    arrival_ns: u64,
    end: u64,
    /// What is before has been rendered, where anything is kept.
    floor: Option<u64>,
    rate: u32,
}

/// The place of the newest packet of a stream, given the one that its timestamp
/// wants. Where the delay has grown, the stream is moved on to its arrival. A host
/// that was held up, and now hands in at once what has come meanwhile, has not moved
/// it: the timestamp holds, unless its time has been rendered.
fn followed(wanted: i64, standing: &Standing, scene: &Scene, catches_up: impl FnOnce() -> bool) -> i64 {
    let Standing {
        arrival_ns,
        end,
        floor,
        rate,
    } = *standing;
    if !scene.real {
        let silence = wanted - end as i64;
        let back = silence < -(grid::index(AHEAD_NS, rate) as i64);
        let jump = silence > grid::index(STREAM_SILENCE_NS, rate) as i64;
        return if back || jump { end as i64 } else { wanted };
    }
    let arrival = grid::index(arrival_ns, rate) as i64;
    let ahead = grid::index(AHEAD_NS, rate) as i64;
    if wanted > arrival + ahead {
        let end = end as i64;
        return if end > arrival + ahead {
            arrival
        } else {
            arrival.max(end)
        };
    }
    let reorder = grid::index(scene.reorder_ns, rate) as i64;
    if wanted >= arrival - reorder || guarded(wanted, rate, arrival_ns, scene) {
        return wanted;
    }
    if wanted < arrival - ahead || !catches_up() {
        return arrival.max(end as i64);
    }
    match floor.filter(|_| scene.recording).map(|floor| floor as i64) {
        Some(floor) if wanted < floor => arrival.min(floor.saturating_add(reorder)).max(end as i64),
        _ => wanted,
    }
}
