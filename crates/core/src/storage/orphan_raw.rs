//! Finds the file of packets of a recording that an earlier process began.

use super::audio_file::AudioFiles;
use super::disk::{DiskDir, FileId};
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, NUMBERS_MAX, PART};
use super::files::{found_or_none, ignore_not_found, read_front, read_whole};
use super::name::RecordingName;
use super::plain_file::PlainFile;
use super::raw_file::{RawFile, packet_writer, raw_suffix};
use crate::memory;
use callrec_codec::pcapng::{self, WholeBlocks};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The largest block: a UDP packet and its description. Read in pieces of at least this size.
const PIECE_BYTES: usize = 256 << 10;

/// Opens the recording's file of packets, and counts its whole blocks. `name`: the name of its
/// audio. Removes a file without a packet.
pub async fn find_raw(
    files: &Arc<AudioFiles>,
    id: Uuid,
    name: &RecordingName,
) -> io::Result<Option<RawFile>> {
    let directory = files.directory();
    let Some(folder) = found_or_none(directory.folder(name).await)? else {
        return Ok(None);
    };
    let part = format!("{}{}{PART}", name.stem(1), raw_suffix());
    let in_progress = open_own(files, id, &*folder, &part).await?;
    directory.ready().await?;
    let in_progress_id = in_progress.as_ref().map(|part| part.file().file_id());
    let published = find_published(files, id, name, &*folder, in_progress_id.transpose()?).await?;
    if published.is_some() && in_progress.is_some() {
        // Publishing was interrupted between link and unlink.
        directory.reach(FaultPoint::RemoveStale).await?;
        ignore_not_found(folder.remove(&part))?;
    }
    match published.or(in_progress.map(|file| (part, file))) {
        Some((current, file)) => reopen(files, id, name, current, file).await,
        None => Ok(None),
    }
}

/// Finds a file that has its final name already, with or without a number. A power cut may have
/// removed its header, so another name of the file in progress is the recording's as well.
async fn find_published(
    files: &Arc<AudioFiles>,
    id: Uuid,
    name: &RecordingName,
    folder: &dyn DiskDir,
    in_progress: Option<FileId>,
) -> io::Result<Option<(String, PlainFile)>> {
    let directory = files.directory();
    for number in 1..=NUMBERS_MAX {
        let stem = name.stem(number);
        let current = format!("{stem}{}", raw_suffix());
        if let Some((file, is_own)) = open(files, id, folder, &current).await?
            && (is_own || in_progress == Some(file.file().file_id()?))
        {
            return Ok(Some((current, file)));
        }
        directory.ready().await?;
        if folder.exists(&current)? {
            continue;
        }
        directory.ready().await?;
        if !folder.exists(&format!("{stem}{JSON}"))? {
            break;
        }
    }
    Ok(None)
}

/// Opens a file if it belongs to the recording.
async fn open_own(
    files: &Arc<AudioFiles>,
    id: Uuid,
    folder: &dyn DiskDir,
    current: &str,
) -> io::Result<Option<PlainFile>> {
    let found = open(files, id, folder, current).await?;
    Ok(found.filter(|(_, is_own)| *is_own).map(|(file, _)| file))
}

/// Opens a file, and returns whether its header says that it belongs to the recording. In progress,
/// so does a file that a crash left without a whole header.
async fn open(
    files: &Arc<AudioFiles>,
    id: Uuid,
    folder: &dyn DiskDir,
    current: &str,
) -> io::Result<Option<(PlainFile, bool)>> {
    let directory = files.directory();
    directory.ready().await?;
    let Some(file) = found_or_none(folder.open_write(current))? else {
        return Ok(None);
    };
    let file = PlainFile::new(file, 0);
    let header = packet_writer(id).map(|mut writer| writer.take(Vec::new()));
    let start = read_front(directory.access(), &file, header.as_ref().map_or(0, Vec::len)).await?;
    let is_begun = |header: &[u8]| header.starts_with(&start) || start.iter().all(|byte| *byte == 0);
    let is_begun = current.ends_with(PART) && header.is_some_and(|header| is_begun(&header));
    let is_own = is_begun || pcapng::recording_id(&start) == Some(id);
    Ok(Some((file, is_own)))
}

async fn reopen(
    files: &Arc<AudioFiles>,
    id: Uuid,
    name: &RecordingName,
    current: String,
    mut file: PlainFile,
) -> io::Result<Option<RawFile>> {
    files.directory().check_own(file.file(), &current).await?;
    let whole = measure(files, &file).await?;
    file.set_end(whole.bytes as u64);
    let mut raw = RawFile::reopened(files, id, name, (current, whole), file);
    if whole.packets == 0 {
        raw.remove().await?;
        return Ok(None);
    }
    raw.seal().await?;
    Ok(Some(raw))
}

/// Counts the whole blocks of a file.
async fn measure(files: &AudioFiles, file: &PlainFile) -> io::Result<WholeBlocks> {
    let mut piece = memory::read_buffer(PIECE_BYTES);
    let mut whole = WholeBlocks::default();
    loop {
        let access = files.directory().access();
        let read = read_whole(access, file, whole.bytes as u64, &mut piece).await?;
        let found = pcapng::whole_blocks(&piece[..read]);
        if found.bytes == 0 {
            // With little memory, the piece may be shorter than a block.
            let is_short = piece.len() < PIECE_BYTES && read == piece.len();
            return if is_short {
                Err(io::ErrorKind::OutOfMemory.into())
            } else {
                Ok(whole)
            };
        }
        whole.bytes += found.bytes;
        whole.packets += found.packets;
    }
}
