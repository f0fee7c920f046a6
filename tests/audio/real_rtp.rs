//! RTP in real time, as it is on any machine, however busy: order, counts, and what is not
//! in a file. Where everything lies to the sample is tested in simulated time, in
//! `tests/timeline`.

use callrec::capi::*;
use callrec_testkit::manifest::spans_of;

use crate::fixture::*;
use crate::real::{find, next_frame};
use crate::reorder::ReorderedStream;

fn real() -> RecordingFixture {
    RecordingFixture::new(&[("media.clock", "real"), ("media.reorder_ms", "200")])
}

fn send(stream: &ReorderedStream, feed: rec_feed, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        let status = rtp(feed, &stream.packet(n));
        assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "status {status}");
    }
}

/// The packets that are in a channel stand in order, and each of them once; gives how many
/// there are.
fn assert_in_order(
    done: &FinishedRecording,
    channel: usize,
    stream: &ReorderedStream,
    mut packets: Vec<usize>,
) -> usize {
    let heard = done.wav.g711(channel);
    packets.retain(|n| find(&heard, stream.piece(*n), 0).is_some());
    let mut at = 0;
    for n in &packets {
        let found = find(&heard, stream.piece(*n), at);
        at = found.unwrap_or_else(|| panic!("packet {n} is not behind {at}")) + 160;
        assert_eq!(
            find(&heard, stream.piece(*n), at),
            None,
            "packet {n} is there twice"
        );
    }
    packets.len()
}

/// Loss, reordering, duplicates: everything is there in order, or counted as lost.
#[test]
fn loss_reorder_and_duplicates() {
    const GONE: [usize; 5] = [10, 33, 34, 35, 70];
    let fixture = real();
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(1, 90), ReorderedStream::new(2, 90));
    // Of packets that come at once, the newest was said last: what comes right behind the
    // start would lie before it, and be outside.
    (0..3).for_each(|_| next_frame());
    for n in (0..90).step_by(3) {
        let order = if n == 0 {
            [n, n + 1, n + 2]
        } else {
            [n + 2, n, n + 1]
        };
        send(&a, local, order.into_iter().filter(|n| !GONE.contains(n)));
        send(&b, remote, [n, n, n + 1, n + 2, n + 1]);
        (0..3).for_each(|_| next_frame());
    }
    let done = fixture.stop_done(&id);
    let sent: Vec<_> = (0..90).filter(|n| !GONE.contains(n)).collect();
    let found = assert_in_order(&done, 0, &a, sent) + assert_in_order(&done, 1, &b, (0..90).collect());
    let lost_ms = done.manifest["lost_ms"].as_u64().unwrap();
    assert!(
        lost_ms >= 100,
        "{lost_ms} ms are told to be lost, at least 100 are"
    );
    let missing = 20 * (175 - found) as u64;
    assert!(
        100 + missing <= lost_ms,
        "{missing} ms are missing, {lost_ms} ms are told"
    );
    fixture.close();
}

/// Handed in after the resume: from the middle of the pause, and its last one.
#[test]
fn late_packets_of_a_paused_span_are_nowhere() {
    let fixture = real();
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
            // 39 is a whole packet older than the resume, whatever the machine does.
            fixture.resume();
            send(&a, local, [30, 38, 39]);
            send(&b, remote, [30, 39, 38]);
        }
        if ![30, 38, 39, 40, 41].contains(&n) {
            send(&a, local, [n]);
            send(&b, remote, [n]);
        }
        next_frame();
    }
    for id in &ids {
        let done = fixture.stop_done(id);
        if done.recording.layout == REC_LAYOUT_STEREO {
            for (channel, stream) in [(0, &a), (1, &b)] {
                let found = assert_in_order(&done, channel, stream, (1..19).collect());
                assert_eq!(found, 18, "what was said before the pause");
                assert_in_order(&done, channel, stream, (0..20).chain(43..80).collect());
            }
        }
        assert_eq!(spans_of(&done.manifest, "pause").len(), 1);
    }
    let both = |from: usize, to: usize| (a.line(from..to, &[]), b.line(from..to, &[]));
    let (paused_a, paused_b) = both(20, 40);
    assert_not_on_disk(&fixture, &paused_a, &paused_b);
    for n in [30, 38, 39] {
        assert_not_on_disk(&fixture, &a.line(n..n + 1, &[]), &[]);
        assert_not_on_disk(&fixture, &[], &b.line(n..n + 1, &[]));
    }
    fixture.close();
}
