//! A temporary directory.

use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A scratch directory, which is removed when it is dropped, unless the test fails.
pub struct ScratchDir(pub PathBuf);

impl ScratchDir {
    /// Creates an empty directory below the system's temporary directory.
    #[allow(clippy::new_without_default)]
    pub fn new() -> ScratchDir {
        let path = std::env::temp_dir().join(format!("callrec-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        ScratchDir(path)
    }
}

impl Deref for ScratchDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for ScratchDir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_removed_with_its_content() {
        let dir = ScratchDir::new();
        let path = dir.0.clone();
        std::fs::create_dir(dir.join("below")).unwrap();
        std::fs::write(dir.join("below/file"), "content").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_is_kept_if_the_test_fails() {
        let dir = ScratchDir::new();
        let path = dir.0.clone();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _dir = dir;
            std::panic::resume_unwind(Box::new("a test fails"));
        }));
        assert!(failed.is_err() && path.is_dir());
        drop(ScratchDir(path));
    }
}
