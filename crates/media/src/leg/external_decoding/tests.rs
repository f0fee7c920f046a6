use super::*;
use crate::external::DecodingService;
use crate::leg::pause_ends::PauseEnds;
use crate::placement::{Audio, PacketNumber, Placement};
use callrec_codec::Codec;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const FORMAT: FeedFormat = FeedFormat {
    codec: Codec::External {
        number: 1,
        samples_per_tick: 1,
    },
    rate: 8000,
};

/// A decoder that never answers, and may refuse packets.
#[derive(Clone, Default)]
struct Refusing {
    refuses: Arc<AtomicBool>,
    states: Arc<Mutex<Vec<DecoderState>>>,
}

impl DecodingService for Refusing {
    fn open(&self) -> Box<dyn DecodingStream> {
        Box::new(self.clone())
    }
}

impl DecodingStream for Refusing {
    fn submit(&mut self, job: DecodingJob) -> bool {
        let accepts = !self.refuses.load(SeqCst);
        if accepts {
            self.states.lock().expect("no panic").push(job.state);
        }
        accepts
    }

    fn take(&mut self) -> Option<DecodingAnswer> {
        None
    }

    fn cancel(&mut self, _: u64) {}
}

fn packet(n: u64) -> PlacedPacket {
    let audio = Audio {
        payload: &[0],
        format: FORMAT,
        len: 160,
        number: None,
        is_big_endian: false,
        epoch: 1,
        is_ahead: false,
    };
    let number = PacketNumber {
        ssrc: 7,
        sequence: n as u16,
        arrival_ns: 0,
    };
    let placement = Placement {
        at: n as i64 * 160,
        is_newest: true,
        ..Placement::default()
    };
    PlacedPacket::new(&audio, number, placement, &PauseEnds::default())
}

/// A host's decoder hangs for more packets than half of the sequence numbers. What follows is not
/// taken for late packets.
#[test]
fn a_decoder_that_hangs_for_minutes_goes_on_with_its_state() {
    let decoder = Refusing::default();
    let mut external = ExternalDecoders::default();
    external.declare(Arc::new(ExternalFormat {
        format: FORMAT,
        name: "X/8000".into(),
        length: PacketLength::Latest(160),
        service: Box::new(decoder.clone()),
    }));
    for n in 0..40_010 {
        decoder.refuses.store((5..40_000).contains(&n), SeqCst);
        assert!(external.add(packet(n)).is_none());
        let packet = external.take_ready(None, 0).expect("a packet");
        let refused = external.queue(packet, true, false);
        assert_eq!(refused.is_some(), (5..40_000).contains(&n));
    }
    let states = decoder.states.lock().expect("no panic");
    assert_eq!(states[0], DecoderState::New);
    assert_eq!(states[1..], [DecoderState::Kept; 14]);
}
