//! The fuzz targets, with random bytes and for a bounded time: what they check holds in each run of
//! the tests, without a fuzzer.

#[path = "../../../fuzz/src/lib.rs"]
mod bodies;

/// Bytes of random packets for a decoder.
struct RandomBytes(u64);

impl RandomBytes {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u8
    }

    /// Packets with the two bytes that precede each. Half of them are about as long as real ones,
    /// and their first byte repeats, so that a decoder stays in one mode.
    fn packets(&mut self) -> Vec<u8> {
        let (mut data, first) = (Vec::new(), self.next());
        for _ in 0..8 {
            let what = self.next() & 0x1f;
            let len = self.next() % if what & 8 == 0 { 80 } else { 255 };
            data.extend([what, len]);
            let from = data.len();
            let count = usize::from(len) * (1 + usize::from(what >> 4));
            data.extend((0..count).map(|_| self.next()));
            if self.next() & 1 == 0 && count > 0 {
                data[from] = first;
            }
        }
        data
    }

    /// A text with some changes.
    fn changed(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..self.next() % 6 {
            let at = (usize::from(self.next()) << 8 | usize::from(self.next())) % bytes.len();
            match self.next() % 4 {
                0 => bytes[at] = self.next() & 0x7f,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b" :/=0-9\r\n"[usize::from(self.next()) % 9]),
                _ => {
                    let end = (at + usize::from(self.next() % 40)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }
}

#[test]
fn decoders_withstand_random_packets() {
    for seed in 1..=400 {
        let data = RandomBytes(seed << 20 | 0x1234_5678).packets();
        bodies::g722(&data);
        bodies::opus(&data);
        bodies::l16(&data);
    }
}

#[test]
fn flac_files_withstand_random_frames() {
    for seed in 1..=400 {
        bodies::flac(&RandomBytes(seed << 20 | 0x1234_5678).packets());
    }
}

#[test]
fn the_sdp_parser_withstands_changed_descriptions() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                m=audio 4000 RTP/AVP 96 9 0 97 18 101 10\r\na=rtpmap:96 opus/48000/2\r\n\
                a=fmtp:96 useinbandfec=1; stereo=0\r\na=rtpmap:97 L16/16000/2\r\n\
                a=rtpmap:101 red/8000\r\na=fmtp:101 101/18\r\na=ptime:20\r\na=sendrecv\r\n";
    let mut random = RandomBytes(7);
    for _ in 0..5000 {
        bodies::sdp(&random.changed(text));
        let section = &text[text.find("m=").expect("a section")..];
        bodies::sdp(&random.changed(section));
    }
}

#[test]
fn events_with_any_times_mask_nothing_after_them() {
    for seed in 1..=200 {
        let mut random = RandomBytes(seed << 24 | 0x51ed);
        let (mut data, digit) = (Vec::new(), [5, 10]);
        for _ in 0..100 {
            data.extend((0..6).map(|_| random.next()));
            let len = [4, 4, 4, 8, 0, 17][usize::from(random.next() % 6)];
            data.extend([len, random.next() % 64]);
            let from = data.len();
            data.extend((0..len).map(|_| random.next()));
            // What may be an event at all.
            if len == 4 && random.next() & 3 != 0 {
                data[from..from + 2].copy_from_slice(&digit);
                data[from - 7] |= 0x60;
            }
        }
        bodies::events(&data);
    }
}

#[test]
fn the_reader_of_ogg_opus_withstands_random_pages() {
    for seed in 1..=1000u64 {
        let mut random = RandomBytes(seed << 20 | 0x1234_5678);
        let len = 1 + 8 * usize::from(random.next() % 6) + usize::from(random.next() % 3);
        let mut data: Vec<u8> = (0..len).map(|_| random.next()).collect();
        if seed.is_multiple_of(2) {
            // Pages as an encoder writes them, up to one that is not.
            data[0] |= 2;
            let pages = usize::from(random.next() % 5);
            for page in data[1..].chunks_exact_mut(8).take(pages) {
                page.copy_from_slice(&[0, 0, 0, 0, 3, 0, 20 + page[6] % 60, 0x08]);
            }
        }
        bodies::ogg_file::ogg_opus(&data);
    }
}

/// Frames of MP3 with changes between them and in the header.
#[test]
fn the_reader_of_mp3_withstands_changed_files() {
    let mut random = RandomBytes(11);
    for _ in 0..3000 {
        let mut data: Vec<u8> = (0..4).map(|_| random.next()).collect();
        data[3] %= 6;
        data.extend((0..3 * usize::from(data[3])).map(|_| random.next()));
        for _ in 0..random.next() % 8 {
            data.extend_from_slice(&[0xff, 0xe3, 0x28, 0xc4]);
            data.resize(data.len() + 140, 0);
            if random.next() & 3 == 0 {
                data.extend((0..random.next() % 5).map(|_| random.next()));
            }
        }
        bodies::mp3(&data);
    }
}

/// Headers with changes, and audio of any length.
#[test]
fn the_readers_of_wav_and_au_withstand_changed_headers() {
    let mut random = RandomBytes(12);
    for _ in 0..20_000 {
        let mut data: Vec<u8> = (0..5).map(|_| random.next()).collect();
        data[4] %= 6;
        for _ in 0..data[4] {
            // Within the header.
            data.extend([0, random.next() % 160, random.next()]);
        }
        data.extend((0..random.next()).map(|_| 0));
        bodies::wav(&data);
        bodies::au(&data);
    }
}

#[test]
fn the_reader_of_kept_packets_withstands_changed_files() {
    let mut random = RandomBytes(13);
    for _ in 0..5000 {
        let mut data: Vec<u8> = (0..4).map(|_| random.next()).collect();
        for _ in 0..data[3] % 8 {
            let len = random.next() % 60;
            data.push(len);
            data.extend((0..len).map(|_| random.next()));
        }
        data.extend((0..random.next() % 40).map(|_| random.next()));
        bodies::pcapng_file::pcapng(&data);
    }
}
