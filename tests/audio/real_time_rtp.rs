//! RTP in real time, on a machine of any load: the order of the packets, the counts, and which audio
//! is not in a file. `tests/timeline` checks exact positions in simulated time.

use callrec::capi::*;
use callrec_testkit::manifest::spans_of;

use crate::fixture::*;
use crate::real_time::{find, sleep_packet_time};
use crate::reorder::ReorderedStream;

fn real_time_fixture() -> RecordingFixture {
    RecordingFixture::new(&[("media.clock", "real"), ("media.reorder_ms", "200")])
}

fn send(stream: &ReorderedStream, feed: rec_feed, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        let status = rtp(feed, &stream.packet(n));
        assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "status {status}");
    }
}

/// Checks that the packets in a channel are in order, and each of them once. Returns how many packets
/// it has.
fn assert_in_order(
    finished: &FinishedRecording,
    channel: usize,
    stream: &ReorderedStream,
    mut packets: Vec<usize>,
) -> usize {
    let recorded = finished.wav.g711(channel);
    packets.retain(|n| find(&recorded, stream.piece(*n), 0).is_some());
    let mut at = 0;
    for n in &packets {
        let found = find(&recorded, stream.piece(*n), at);
        at = found.unwrap_or_else(|| panic!("packet {n} is not after byte {at}")) + 160;
        assert_eq!(
            find(&recorded, stream.piece(*n), at),
            None,
            "packet {n} was recorded twice"
        );
    }
    packets.len()
}

#[test]
fn every_packet_is_recorded_in_order_or_counted_as_lost() {
    const LOST: [usize; 5] = [10, 33, 34, 35, 70];
    let fixture = real_time_fixture();
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(1, 90), ReorderedStream::new(2, 90));
    // Of packets that arrive at once, the newest is placed at the present time, and the others before
    // it. Right after the start they would lie before the recording.
    (0..3).for_each(|_| sleep_packet_time());
    for n in (0..90).step_by(3) {
        let order = if n == 0 {
            [n, n + 1, n + 2]
        } else {
            [n + 2, n, n + 1]
        };
        send(&a, local, order.into_iter().filter(|n| !LOST.contains(n)));
        send(&b, remote, [n, n, n + 1, n + 2, n + 1]);
        (0..3).for_each(|_| sleep_packet_time());
    }
    let finished = fixture.stop_and_read(&id);
    let sent: Vec<_> = (0..90).filter(|n| !LOST.contains(n)).collect();
    let found =
        assert_in_order(&finished, 0, &a, sent) + assert_in_order(&finished, 1, &b, (0..90).collect());
    let lost_ms = finished.manifest["lost_ms"].as_u64().unwrap();
    assert!(
        lost_ms >= 100,
        "{lost_ms} ms are reported as lost, at least 100 are"
    );
    let missing = 20 * (175 - found) as u64;
    assert!(
        100 + missing <= lost_ms,
        "{missing} ms are missing, {lost_ms} ms are reported"
    );
    fixture.close();
}

/// Packets of the pause that arrive after the resume.
#[test]
fn late_packets_of_a_pause_are_not_recorded() {
    let fixture = real_time_fixture();
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let ids: Vec<String> = PAUSES
        .iter()
        .flat_map(|pause| LAYOUTS.map(|layout| fixture.start(layout, "wav-ulaw", *pause)))
        .collect();
    let (a, b) = (ReorderedStream::new(3, 80), ReorderedStream::new(4, 80));
    for n in 0..80 {
        if n == 20 {
            fixture.pause();
        }
        if n == 42 {
            // Packet 39 is older than the resume by a whole packet, whatever the load.
            fixture.resume();
            send(&a, local, [30, 38, 39]);
            send(&b, remote, [30, 39, 38]);
        }
        if ![30, 38, 39, 40, 41].contains(&n) {
            send(&a, local, [n]);
            send(&b, remote, [n]);
        }
        sleep_packet_time();
    }
    for id in &ids {
        let finished = fixture.stop_and_read(id);
        if finished.recording.layout == REC_LAYOUT_STEREO {
            for (channel, stream) in [(0, &a), (1, &b)] {
                let found = assert_in_order(&finished, channel, stream, (1..19).collect());
                assert_eq!(found, 18, "every packet before the pause was recorded");
                assert_in_order(&finished, channel, stream, (0..20).chain(43..80).collect());
            }
        }
        assert_eq!(spans_of(&finished.manifest, "pause").len(), 1);
    }
    let both = |from: usize, to: usize| (a.samples(from..to, &[]), b.samples(from..to, &[]));
    let (paused_a, paused_b) = both(20, 40);
    assert_not_on_disk(&fixture, &paused_a, &paused_b);
    for n in [30, 38, 39] {
        assert_not_on_disk(&fixture, &a.samples(n..n + 1, &[]), &[]);
        assert_not_on_disk(&fixture, &[], &b.samples(n..n + 1, &[]));
    }
    fixture.close();
}
