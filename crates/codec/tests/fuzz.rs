//! The fuzz target of a container, with random bytes and for a bounded time.

#[path = "../../../fuzz/src/ogg_file.rs"]
mod ogg_file;

fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}

#[test]
fn the_reader_of_ogg_opus_withstands_random_pages() {
    for seed in 1..=1000u64 {
        let mut state = seed << 20 | 0x1234_5678;
        let len = 1 + 8 * usize::from(next(&mut state) % 6) + usize::from(next(&mut state) % 3);
        let mut data: Vec<u8> = (0..len).map(|_| next(&mut state)).collect();
        if seed % 2 == 0 {
            // Pages as an encoder writes them, up to one that is not.
            data[0] |= 2;
            for page in data[1..].chunks_exact_mut(8).take(usize::from(seed as u8 % 5)) {
                page.copy_from_slice(&[0, 0, 0, 0, 3, 0, 20 + page[6] % 60, 0x08]);
            }
        }
        ogg_file::ogg_opus(&data);
    }
}
