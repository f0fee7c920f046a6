//! The files below a directory.

use std::path::{Path, PathBuf};

/// Every file below a directory, sorted, relative to it.
pub fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(directory, directory, &mut found);
    found.sort();
    found
}

fn walk(directory: &Path, root: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, root, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

/// Every file below a directory whose extension is `extension`, sorted, with its full path.
pub fn files_with_extension(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let files = tree(directory).into_iter();
    let wanted = files.filter(|file| file.extension().is_some_and(|found| found == extension));
    wanted.map(|file| directory.join(file)).collect()
}

/// Whether a file below a directory has `needle`.
pub fn holds(directory: &Path, needle: &[u8]) -> bool {
    tree(directory).iter().any(|file| {
        let bytes = std::fs::read(directory.join(file)).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// Copies the content of a directory into another one, which need not exist.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory to copy to");
    for entry in std::fs::read_dir(from).expect("a directory to copy from") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file to copy");
        }
    }
}

/// Asserts that a storage directory has no audio in progress, and only its lock and its audit log in
/// `.callrec`.
#[track_caller]
pub fn assert_settled(directory: &Path) {
    let left: Vec<_> = tree(directory)
        .into_iter()
        .filter(|file| {
            file.extension().is_some_and(|e| e == "part")
                || (file.starts_with(".callrec")
                    && file
                        .file_name()
                        .is_some_and(|name| name != "lock" && name != "audit.log"))
        })
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ScratchDir;

    fn with_files(files: &[&str]) -> ScratchDir {
        let dir = ScratchDir::new();
        for file in files {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("content of {file}")).unwrap();
        }
        dir
    }

    fn is_settled(dir: &ScratchDir) -> bool {
        std::panic::catch_unwind(|| assert_settled(dir)).is_ok()
    }

    #[test]
    fn every_file_is_listed() {
        let dir = with_files(&["b/a.wav", "a.json", "b/c/a.part", "b/b.wav"]);
        let names = ["a.json", "b/a.wav", "b/b.wav", "b/c/a.part"];
        assert_eq!(tree(&dir), names.map(PathBuf::from));
        assert_eq!(
            files_with_extension(&dir, "wav"),
            [dir.join("b/a.wav"), dir.join("b/b.wav")]
        );
    }

    #[test]
    fn bytes_are_found_in_any_file() {
        let dir = with_files(&["a", "b/c"]);
        assert!(holds(&dir, b"of b/c"));
        assert!(!holds(&dir, b"of b/d"));
    }

    #[test]
    fn a_copy_has_the_same_files() {
        let (dir, to) = (with_files(&["a", "b/c/d", ".callrec/lock"]), ScratchDir::new());
        let to = to.join("deeper");
        copy_tree(&dir, &to);
        assert_eq!(tree(&to), tree(&dir));
        assert_eq!(
            std::fs::read_to_string(to.join("b/c/d")).unwrap(),
            "content of b/c/d"
        );
    }

    #[test]
    fn files_left_behind_are_noticed() {
        assert!(is_settled(&with_files(&["a.wav", "a.json", ".callrec/lock"])));
        for left in [
            "a.wav.part",
            "b/a.part",
            ".callrec/1.json",
            ".callrec/jobs/callback/1.json",
        ] {
            assert!(
                !is_settled(&with_files(&["a.wav", ".callrec/lock", left])),
                "{left}"
            );
        }
    }
}
