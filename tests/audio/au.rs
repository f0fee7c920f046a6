//! AU files hold the very frames of the WAV file beside them, also for a reader that nobody
//! here wrote.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::random::noise;
use callrec_testkit::wav::WavFile;
use std::process::Command;
use std::sync::LazyLock;

use crate::fixture::*;
use crate::support::build::{has, run};
use crate::support::*;

/// Of both containers, and the encoding's number in AU.
const PAIRS: [(&str, &str, u32); 3] = [
    ("au", "wav", 3),
    ("au-ulaw", "wav-ulaw", 1),
    ("au-alaw", "wav-alaw", 27),
];

/// The words of a header, and the audio behind it.
fn words_and_audio(bytes: &[u8]) -> ([u32; 5], &[u8]) {
    assert!(bytes.starts_with(b".snd"));
    let word = |n: usize| u32::from_be_bytes(*bytes[4 * n..].first_chunk().unwrap());
    let words = [1, 2, 3, 4, 5].map(word);
    (words, &bytes[words[0] as usize..])
}

/// What Python's `sunau` makes of a file: channels, bytes a sample, rate, frames, and the sum
/// of all linear samples.
fn as_python_reads(path: &str) -> Option<String> {
    const SCRIPT: &str = "import sunau, sys, array\n\
        f = sunau.open(sys.argv[1])\n\
        n = f.getnframes()\n\
        a = array.array('h', f.readframes(n))\n\
        if sys.byteorder == 'little' and f.getcomptype() == 'NONE': a.byteswap()\n\
        print(f.getnchannels(), f.getsampwidth(), f.getframerate(), n, sum(a))";
    static KNOWS: LazyLock<bool> = LazyLock::new(|| {
        let mut asks = Command::new("python3");
        asks.args(["-W", "ignore", "-c", "import sunau"]);
        has("python3") && asks.output().is_ok_and(|done| done.status.success())
    });
    if !*KNOWS {
        return None;
    }
    let said = run(Command::new("python3").args(["-W", "ignore", "-c", SCRIPT, path]));
    Some(String::from_utf8(said.stdout).unwrap().trim().to_owned())
}

fn assert_twins(au: &RecordingFields, wav: &RecordingFields, encoding: u32) {
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
        "somebody speaks"
    );
    let (told, twin) = (manifest_beside(&au.path), manifest_beside(&wav.path));
    for what in [
        "samples",
        "duration_ms",
        "sample_rate",
        "channels",
        "spans",
        "legs",
    ] {
        assert_eq!(told[what], twin[what], "{what}");
    }
    assert_eq!(told["bytes"], bytes.len());
    assert_eq!(au.bytes, bytes.len() as u64);
    let path = CText::from(au.path.as_str());
    assert_eq!(checked(|error| unsafe { rec_verify(path.ptr(), error) }), Ok(()));
    if encoding == 3
        && let Some(said) = as_python_reads(&au.path)
    {
        let sum: i64 = (0..channels as usize)
            .flat_map(|channel| wav_file.pcm(channel))
            .map(i64::from)
            .sum();
        let (rate, frames) = (wav_file.rate, wav_file.frames());
        assert_eq!(said, format!("{channels} 2 {rate} {frames} {sum}"));
    }
}

#[test]
fn au_and_wav_hold_the_same_frames() {
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
            let frame = rate as usize / 50 * sample_bytes(codec);
            let (a, b) = (noise(21, 60 * frame), noise(22, 61 * frame));
            write_in_turns(frame, &[(local, &a[..20 * frame]), (remote, &b[..20 * frame])]);
            fixture.pause();
            write_in_turns(
                frame,
                &[
                    (local, &a[20 * frame..40 * frame]),
                    (remote, &b[20 * frame..40 * frame]),
                ],
            );
            fixture.resume();
            // An odd number of bytes in all, where that is possible.
            write_in_turns(
                frame,
                &[(local, &a[40 * frame..]), (remote, &b[40 * frame..60 * frame])],
            );
            for [au, wav] in ids {
                let seen = [au, wav].map(|id| {
                    fixture.stop(&id);
                    let told = fixture.engine.events.wait_terminal(&id);
                    assert_eq!(told.kind, REC_EVENT_FINISHED, "{told:#?}");
                    told.recording.unwrap()
                });
                assert_twins(&seen[0], &seen[1], encoding);
            }
            fixture.close();
        }
    }
}

/// The header tells of what is there, while the call lasts.
#[test]
fn a_live_au_file_is_playable() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "au", REC_PAUSE_SILENCE);
    let said = noise(5, 16_000);
    write_in_turns(160, &[(local, &said), (remote, &said)]);
    let part = || {
        let parts = callrec_testkit::tree::files_with_extension(&fixture.dir.0, "part");
        let bytes = std::fs::read(fixture.dir.0.join(parts.first()?)).ok()?;
        // The file is made before its header is written.
        bytes.first()?;
        let (words, audio) = words_and_audio(&bytes);
        (words[1] > 32_000).then_some((words, audio.len()))
    };
    let mut found = None;
    callrec_testkit::wait::until("a second of audio is in the file", || {
        found = part();
        found.is_some()
    });
    let (words, there) = found.unwrap();
    assert!(
        words[1] as usize <= there && words[1] % 4 == 0,
        "{words:?}, {there}"
    );
    fixture.stop(&id);
    fixture.engine.events.wait_terminal(&id);
    fixture.close();
}
