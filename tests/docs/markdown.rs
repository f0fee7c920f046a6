//! Reads Markdown: code blocks, inline code, links and headings.

use std::path::{Path, PathBuf};

use crate::support::build::root;

/// Directories without documents of this repository.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

/// One Markdown file.
pub struct Document {
    /// Relative to the repository's root.
    pub path: PathBuf,
    text: String,
}

/// A fenced code block.
pub struct CodeBlock {
    pub language: String,
    /// The number of its first line, from 1.
    pub line: usize,
    pub text: String,
}

/// Every Markdown file of the repository.
pub fn documents() -> Vec<Document> {
    let mut paths = files_below(&root(), "md");
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    paths.into_iter().map(Document::read).collect()
}

/// Paths, relative to the root, of files with this extension below a directory.
pub fn files_below(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            let is_skipped = SKIPPED.contains(&name.as_ref());
            if path.is_dir() && !path.is_symlink() && !is_skipped {
                pending.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found
}

impl Document {
    pub fn read(path: impl Into<PathBuf>) -> Document {
        let path = path.into();
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        Document { path, text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn blocks(&self) -> Vec<CodeBlock> {
        let mut blocks = Vec::new();
        let mut open: Option<CodeBlock> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(CodeBlock {
                        language: language.trim().to_owned(),
                        line: index + 2,
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a code block has no end", self.path.display());
        blocks
    }

    /// The text without code blocks. Line numbers stay the same.
    fn prose(&self) -> String {
        let mut prose = String::new();
        let mut is_code = false;
        for line in self.text.lines() {
            let is_fence = line.trim_start().starts_with("```");
            if !is_code && !is_fence {
                prose.push_str(line);
            }
            prose.push('\n');
            is_code ^= is_fence;
        }
        prose
    }

    /// Each piece of inline code, with its line.
    pub fn inline_code(&self) -> Vec<(usize, String)> {
        let prose = self.prose();
        let mut found = Vec::new();
        let mut line = 1;
        for (index, part) in prose.split('`').enumerate() {
            if index % 2 == 1 {
                found.push((line, part.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            line += part.matches('\n').count();
        }
        found
    }

    /// The target of each link and picture, with its line.
    pub fn links(&self) -> Vec<(usize, String)> {
        let prose = self.prose();
        let no_code: String = prose
            .split('`')
            .enumerate()
            .map(|(index, part)| match index % 2 {
                0 => part.to_owned(),
                _ => "\n".repeat(part.matches('\n').count()),
            })
            .collect();
        let mut found = Vec::new();
        for (at, _) in no_code.match_indices("](") {
            let line = no_code[..at].matches('\n').count() + 1;
            let target = no_code[at + 2..].split([')', ' ', '\n']).next();
            found.push((line, target.unwrap_or_default().to_owned()));
        }
        found
    }

    /// The anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for line in self.prose().lines().filter(|line| line.starts_with('#')) {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let base: String = heading
                .chars()
                .filter_map(|letter| match letter {
                    ' ' => Some('-'),
                    '-' | '_' => Some(letter),
                    _ => letter.is_alphanumeric().then_some(letter),
                })
                .collect();
            let mut anchor = base.clone();
            let mut count = 0;
            while anchors.contains(&anchor) {
                count += 1;
                anchor = format!("{base}-{count}");
            }
            anchors.push(anchor);
        }
        anchors
    }
}
