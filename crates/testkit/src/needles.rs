//! A search for many sequences of bytes at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::tree::tree;

const HEAD: usize = 8;

/// Sequences of bytes to search for, for instance audio of a pause.
#[derive(Default)]
pub struct Needles {
    /// By their first bytes.
    by_head: HashMap<[u8; HEAD], Vec<Vec<u8>>>,
}

impl Needles {
    /// Adds a sequence of at least 8 bytes.
    pub fn add(&mut self, needle: Vec<u8>) {
        let head = *needle.first_chunk().expect("a needle of at least 8 bytes");
        self.by_head.entry(head).or_default().push(needle);
    }

    pub fn is_empty(&self) -> bool {
        self.by_head.is_empty()
    }

    /// The position of the first sequence in these bytes.
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        let is_here = |at: &usize| {
            let rest = &bytes[*at..];
            let candidates = rest.first_chunk().and_then(|head| self.by_head.get(head));
            candidates
                .into_iter()
                .flatten()
                .any(|needle| rest.starts_with(needle))
        };
        (0..bytes.len()).find(is_here)
    }

    /// The first file below a directory that has a sequence, and the position in it.
    pub fn find_below(&self, directory: &Path) -> Option<(PathBuf, usize)> {
        tree(directory).into_iter().find_map(|file| {
            let bytes = std::fs::read(directory.join(&file)).unwrap_or_default();
            self.find(&bytes).map(|at| (file, at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ScratchDir;

    fn needles() -> Needles {
        let mut needles = Needles::default();
        assert!(needles.is_empty());
        needles.add(b"what was said".to_vec());
        needles.add(b"what was heard".to_vec());
        needles.add(b"in a pause".to_vec());
        assert!(!needles.is_empty());
        needles
    }

    #[test]
    fn each_sequence_is_found() {
        let needles = needles();
        assert_eq!(needles.find(b"what was said"), Some(0));
        assert_eq!(needles.find(b"so what was heard then"), Some(3));
        assert_eq!(needles.find(b"what was in a pause"), Some(9));
    }

    #[test]
    fn other_bytes_are_not_found() {
        for bytes in [
            &b""[..],
            b"what was",
            b"what was sai",
            b"in a paus",
            b"what was sold in a party",
        ] {
            assert_eq!(needles().find(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn every_file_is_searched() {
        let dir = ScratchDir::new();
        std::fs::create_dir(dir.join("below")).unwrap();
        std::fs::write(dir.join("a"), b"nothing of it").unwrap();
        assert_eq!(needles().find_below(&dir), None);
        std::fs::write(dir.join("below/b"), b"said in a pause").unwrap();
        assert_eq!(needles().find_below(&dir), Some((PathBuf::from("below/b"), 5)));
    }
}
