//! A file that is kept open while there are not too many of them.

use super::medium::PlainFile;
use super::slots::{FileSlot, FileSlots};
use std::io;

/// One file of a recording. Beyond `storage.max_open_files` it is opened again for each batch.
#[derive(Default)]
pub struct FileHandle {
    open: Option<Open>,
}

struct Open {
    file: PlainFile,
    /// Without one it is closed after each batch.
    slot: Option<FileSlot>,
}

impl FileHandle {
    pub fn new(file: PlainFile, slot: Option<FileSlot>) -> FileHandle {
        FileHandle {
            open: Some(Open { file, slot }),
        }
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// It was opened again.
    pub fn reopened(&mut self, file: PlainFile, slots: &FileSlots) {
        let slot = slots.take();
        self.open = Some(Open { file, slot });
    }

    /// The file, which has been opened.
    pub fn file(&mut self) -> io::Result<&mut PlainFile> {
        let open = self.open.as_mut();
        open.map(|open| &mut open.file)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Closes the file unless it may stay open.
    pub fn rest(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.slot.is_none()) {
            self.close();
        }
    }

    pub fn close(&mut self) {
        self.open = None;
    }
}
