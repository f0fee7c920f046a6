#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callrec_fuzz::pcapng_file::pcapng(data));
