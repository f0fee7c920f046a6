//! Files of each format, in progress and finished, read as the WAV files that the same recordings
//! would have.

use crate::support::{au, coded, players};
#[cfg(feature = "faults")]
use crate::support::{flac, paged};
use callrec_testkit::published::{Published, check_published_as};
use callrec_testkit::wav::WavFile;
use std::path::Path;

/// Players cut at most one packet of padding off, so a shorter MP3 file seems longer to them.
pub const PROBED: u64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Wav,
    Au,
    Opus,
    Mp3,
    #[cfg(feature = "faults")]
    Flac,
    #[cfg(feature = "faults")]
    Paged,
}

impl FileKind {
    /// The kind of an audio file, by its name.
    pub fn of(file: &Path) -> Option<FileKind> {
        match file.extension()?.to_str()? {
            "wav" => Some(FileKind::Wav),
            "au" => Some(FileKind::Au),
            "opus" => Some(FileKind::Opus),
            "mp3" => Some(FileKind::Mp3),
            #[cfg(feature = "faults")]
            "flac" => Some(FileKind::Flac),
            #[cfg(feature = "faults")]
            "paged" => Some(FileKind::Paged),
            _ => None,
        }
    }

    fn read_finished(self, bytes: &[u8]) -> Result<WavFile, String> {
        match self {
            FileKind::Wav => WavFile::parse_playable(bytes),
            FileKind::Au => au::read(bytes),
            FileKind::Opus | FileKind::Mp3 => coded::read_finished(bytes),
            #[cfg(feature = "faults")]
            FileKind::Flac => flac::read_finished(bytes),
            #[cfg(feature = "faults")]
            FileKind::Paged => paged::read_finished(bytes),
        }
    }

    /// Reads a file in progress, whose last block a kill may have cut off.
    fn read_part(self, bytes: &[u8]) -> Result<WavFile, String> {
        match self {
            FileKind::Wav => WavFile::parse_playable(bytes),
            FileKind::Au => au::read(bytes),
            FileKind::Opus | FileKind::Mp3 => coded::read_part(bytes),
            #[cfg(feature = "faults")]
            FileKind::Flac => flac::read_part(bytes),
            #[cfg(feature = "faults")]
            FileKind::Paged => paged::read_part(bytes),
        }
    }

    /// Lengthens a file in progress to the end of its tail.
    fn with_tail(self, part: WavFile, tail: &Path) -> Result<WavFile, String> {
        match self {
            FileKind::Wav | FileKind::Au => Ok(part),
            FileKind::Opus | FileKind::Mp3 => coded::with_tail(part, tail),
            #[cfg(feature = "faults")]
            FileKind::Flac | FileKind::Paged => paged::with_tail(&part, tail),
        }
    }
}

/// Checks a file in progress alone, which other programs can play, and then the file with its tail.
/// Returns the frames in both.
pub fn in_progress(
    directory: &Path,
    id: &str,
    part: &Path,
    bytes: &[u8],
    check: impl Fn(&WavFile) -> Result<usize, String>,
) -> Result<usize, String> {
    let kind = FileKind::of(&part.with_extension("")).ok_or("an unknown format")?;
    let wav = kind.read_part(bytes)?;
    let path = directory.join(part);
    let path = path.to_str().unwrap();
    match kind {
        // A kill may have cut its last page off, which only opusinfo warns of.
        FileKind::Opus if wav.frames() > 0 => {
            players::ffmpeg_samples(path);
            players::sndfile_frames(path);
        }
        FileKind::Mp3 if wav.frames() as u64 >= PROBED => players::assert_begins_to_play(path),
        FileKind::Opus | FileKind::Mp3 => {}
        // The tail has the rest of the encoded audio, which is checked below.
        _ => {
            check(&wav)?;
        }
    }
    let tail = directory.join(format!(".callrec/{id}.tail"));
    check(&kind.with_tail(wav, &tail)?)
}

/// Checks that a published file agrees with its manifest, and that other programs accept it.
pub fn finished(path: &Path) -> Result<Published, String> {
    let kind = FileKind::of(path).ok_or("an unknown format")?;
    let published = check_published_as(path, |bytes| kind.read_finished(bytes))?;
    let (wav, name) = (&published.wav, path.to_str().unwrap());
    if published.manifest["recovered"] == true {
        let frames = wav.frames() as u64;
        match kind {
            FileKind::Opus => players::assert_accepted(name, false, frames, wav.channels, wav.rate),
            // Programs may not recognize a few frames.
            FileKind::Mp3 if frames >= PROBED => players::assert_plays_mp3(name, frames, wav.channels),
            _ => {}
        }
    }
    Ok(published)
}
