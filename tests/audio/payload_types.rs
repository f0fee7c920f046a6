//! What payload types are: declared by `rec_feed_sdp`, declared anew, and static.

use callrec::capi::*;
use callrec_testkit::rtp::RtpSender;

use crate::fixture::*;
use crate::plugged_codec::describe;

const PACKET: usize = 160;

fn send(feed: rec_feed, sender: &mut RtpSender, payload_type: u8, payload: &[u8], count: usize) {
    sender.next.payload_type = payload_type;
    for _ in 0..count {
        let packet = sender.packet(payload, PACKET as u32);
        send_rtp(feed, &packet);
    }
}

/// A new offer gives types that were audio to encodings that the library does not decode.
#[test]
fn a_type_that_another_offer_gives_away_is_not_decoded_as_before() {
    let fixture = RecordingFixture::new(&[("recording.keep_raw", "undecodable")]);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut sender = RtpSender::new(0, 7);
    describe(feed, "m=audio 1 RTP/AVP 0 96\na=rtpmap:96 PCMU/8000\n").unwrap();
    send(feed, &mut sender, 0, &[0x21; PACKET], 10);
    send(feed, &mut sender, 96, &[0x22; PACKET], 10);
    let offer = "m=audio 1 RTP/AVP 0 96\na=rtpmap:0 G729/8000\na=rtpmap:96 AMR/8000\n";
    assert_eq!(describe(feed, offer).unwrap_err().status, REC_ERR_UNSUPPORTED);
    send(feed, &mut sender, 0, &[0x23; 20], 10);
    send(feed, &mut sender, 96, &[0x24; 14], 10);
    // 0 is static again, and 96 has not been declared otherwise.
    describe(feed, "m=audio 1 RTP/AVP 0\n").unwrap();
    send(feed, &mut sender, 0, &[0x25; PACKET], 10);
    send(feed, &mut sender, 96, &[0x26; 14], 10);
    let finished = fixture.stop_and_read(&id);
    let heard: std::collections::BTreeSet<u8> = finished.wav.data.iter().copied().collect();
    assert_eq!(heard, [0x21, 0x22, 0x25, 0xff].into());
    assert_eq!(finished.manifest["raw"]["packets"], 30);
    assert_eq!(finished.manifest["legs"][0]["handed_ms"], 600);
    fixture.close();
}
