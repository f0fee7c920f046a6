//! AU files have the same frames as WAV files of the same call, also as read by Python.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::random::noise;
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;
use std::process::Command;
use std::sync::LazyLock;

use crate::fixture::*;
use crate::support::build::{has, run};
use crate::support::*;

/// The AU format, the WAV format with the same samples, and the encoding number of AU.
const PAIRS: [(&str, &str, u32); 3] = [
    ("au", "wav", 3),
    ("au-ulaw", "wav-ulaw", 1),
    ("au-alaw", "wav-alaw", 27),
];

/// The words of the header, and the audio after it.
fn words_and_audio(bytes: &[u8]) -> ([u32; 5], &[u8]) {
    assert!(bytes.starts_with(b".snd"));
    let word = |n: usize| u32::from_be_bytes(*bytes[4 * n..].first_chunk().unwrap());
    let words = [1, 2, 3, 4, 5].map(word);
    (words, &bytes[words[0] as usize..])
}

/// The file as Python's `sunau` reads it: channels, bytes a sample, rate, frames, and the sum of all
/// linear samples. `None` if there is no `sunau`.
fn read_with_python(path: &str) -> Option<String> {
    const SCRIPT: &str = "import sunau, sys, array\n\
        f = sunau.open(sys.argv[1])\n\
        n = f.getnframes()\n\
        a = array.array('h', f.readframes(n))\n\
        if sys.byteorder == 'little' and f.getcomptype() == 'NONE': a.byteswap()\n\
        print(f.getnchannels(), f.getsampwidth(), f.getframerate(), n, sum(a))";
    static HAS_SUNAU: LazyLock<bool> = LazyLock::new(|| {
        let mut import = Command::new("python3");
        import.args(["-W", "ignore", "-c", "import sunau"]);
        has("python3") && import.output().is_ok_and(|output| output.status.success())
    });
    if !*HAS_SUNAU {
        return None;
    }
    let output = run(Command::new("python3").args(["-W", "ignore", "-c", SCRIPT, path]));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn assert_same_audio(au: &RecordingFields, wav: &RecordingFields, encoding: u32) {
    let wav_file = WavFile::read(&wav.path);
    let bytes = std::fs::read(&au.path).unwrap();
    let (words, audio) = words_and_audio(&bytes);
    let channels = u32::from(wav_file.channels);
    assert_eq!(
        words[1..],
        [audio.len() as u32, encoding, wav_file.rate, channels]
    );
    let expected = match encoding {
        3 => wav_file
            .data
            .chunks_exact(2)
            .flat_map(|pair| [pair[1], pair[0]])
            .collect(),
        _ => wav_file.data.clone(),
    };
    assert!(audio == expected, "{} and {}", au.path, wav.path);
    assert!(
        expected.iter().any(|byte| *byte != expected[0]),
        "the audio is not constant"
    );
    let (au_manifest, wav_manifest) = (manifest_beside(&au.path), manifest_beside(&wav.path));
    for key in [
        "samples",
        "duration_ms",
        "sample_rate",
        "channels",
        "spans",
        "legs",
    ] {
        assert_eq!(au_manifest[key], wav_manifest[key], "{key}");
    }
    assert_eq!(au_manifest["bytes"], bytes.len());
    assert_eq!(au.bytes, bytes.len() as u64);
    let path = CText::from(au.path.as_str());
    assert_eq!(checked(|error| unsafe { rec_verify(path.ptr(), error) }), Ok(()));
    if encoding == 3
        && let Some(read) = read_with_python(&au.path)
    {
        let sum: i64 = (0..channels as usize)
            .flat_map(|channel| wav_file.pcm(channel))
            .map(i64::from)
            .sum();
        let (rate, frames) = (wav_file.rate, wav_file.frames());
        assert_eq!(read, format!("{channels} 2 {rate} {frames} {sum}"));
    }
}

#[test]
fn au_and_wav_files_have_the_same_frames() {
    for (codec, rate) in [
        (REC_CODEC_PCM16, 16_000),
        (REC_CODEC_PCMU, 8000),
        (REC_CODEC_PCMA, 8000),
    ] {
        for (au, wav, encoding) in PAIRS {
            let fixture = RecordingFixture::new(&[]);
            let (local, remote) = fixture.legs(codec, rate);
            let ids = LAYOUTS
                .map(|layout| [au, wav].map(|format| fixture.start(layout, format, REC_PAUSE_SILENCE)));
            let packet = rate as usize / 50 * sample_bytes(codec);
            let (a, b) = (noise(21, 60 * packet), noise(22, 61 * packet));
            write_in_turns(packet, &[(local, &a[..20 * packet]), (remote, &b[..20 * packet])]);
            fixture.pause();
            write_in_turns(
                packet,
                &[
                    (local, &a[20 * packet..40 * packet]),
                    (remote, &b[20 * packet..40 * packet]),
                ],
            );
            fixture.resume();
            // An odd number of bytes where the codec permits it.
            write_in_turns(
                packet,
                &[(local, &a[40 * packet..]), (remote, &b[40 * packet..60 * packet])],
            );
            for [au, wav] in ids {
                let recordings = [au, wav].map(|id| {
                    fixture.stop(&id);
                    let event = fixture.engine.events.wait_terminal(&id);
                    assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
                    event.recording.unwrap()
                });
                assert_same_audio(&recordings[0], &recordings[1], encoding);
            }
            fixture.close();
        }
    }
}

/// The header has the length of the audio that is in the file.
#[test]
fn a_live_au_file_is_playable() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "au", REC_PAUSE_SILENCE);
    let audio = noise(5, 16_000);
    write_in_turns(160, &[(local, &audio), (remote, &audio)]);
    let read_part = || {
        let parts = files_with_extension(&fixture.dir.0, "part");
        let bytes = std::fs::read(fixture.dir.0.join(parts.first()?)).ok()?;
        // The file exists before its header is written.
        bytes.first()?;
        let (words, audio) = words_and_audio(&bytes);
        (words[1] > 32_000).then_some((words, audio.len()))
    };
    let (words, length) = until_some("a second of audio is in the file", || {
        read_part().ok_or("less than a second")
    });
    assert!(
        words[1] as usize <= length && words[1] % 4 == 0,
        "{words:?}, {length}"
    );
    fixture.stop(&id);
    fixture.engine.events.wait_terminal(&id);
    fixture.close();
}
