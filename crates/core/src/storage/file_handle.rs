//! A file that is kept open while there are free slots.

use super::file_slots::{FileSlot, FileSlots};
use super::plain_file::PlainFile;
use std::io;

/// One file of a recording. Beyond `storage.max_open_files`, it is opened again for each batch.
#[derive(Default)]
pub struct FileHandle {
    open: Option<OpenHandle>,
}

struct OpenHandle {
    file: PlainFile,
    /// If `None`, the file is closed after each batch.
    slot: Option<FileSlot>,
}

impl FileHandle {
    pub fn new(file: PlainFile, slot: Option<FileSlot>) -> FileHandle {
        FileHandle {
            open: Some(OpenHandle { file, slot }),
        }
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Stores the file after it was opened again.
    pub fn set_reopened(&mut self, file: PlainFile, slots: &FileSlots) {
        let slot = slots.take();
        self.open = Some(OpenHandle { file, slot });
    }

    /// The file. Fails if it is not open.
    pub fn file(&mut self) -> io::Result<&mut PlainFile> {
        let open = self.open.as_mut();
        open.map(|open| &mut open.file)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Closes the file unless it has a slot.
    pub fn close_unless_slotted(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.slot.is_none()) {
            self.close();
        }
    }

    pub fn close(&mut self) {
        self.open = None;
    }
}
