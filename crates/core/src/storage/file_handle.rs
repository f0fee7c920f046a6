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

    /// The file, opened again by `open` where it is not kept open.
    pub fn get(
        &mut self,
        slots: &FileSlots,
        open: impl FnOnce() -> io::Result<PlainFile>,
    ) -> io::Result<&mut PlainFile> {
        if self.open.is_none() {
            self.open = Some(Open {
                file: open()?,
                slot: slots.take(),
            });
        }
        match &mut self.open {
            Some(open) => Ok(&mut open.file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
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
