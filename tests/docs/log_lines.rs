//! The log lines that docs/operations.md explains are those of the source.

use crate::assert_none;
use crate::markdown::{Document, files_below};
use crate::support::build::root;

/// Kinds of jobs, as they occur in a line.
const KINDS: [&str; 2] = ["callback ", "vcon "];

/// Parts of a line that differ each time: `<…>`, `…`, quotes, and the kind of a job.
fn fixed_parts(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (index, text) in line.split(['<', '>']).enumerate() {
        if index % 2 == 0 {
            let texts = text.split(['…', '"']);
            parts.extend(
                texts
                    .flat_map(|text| text.split(KINDS[0]))
                    .flat_map(|text| text.split(KINDS[1])),
            );
        }
    }
    let trimmed = parts.into_iter().map(|part| part.trim_matches([' ', ':', ',']));
    trimmed.filter(|part| part.len() > 8).collect()
}

/// The source of the library, with the line breaks and quotes of its texts resolved.
fn source() -> String {
    let files = [
        "src",
        "crates/base/src",
        "crates/core/src",
        "crates/feeds/src",
        "crates/media/src",
        "crates/gateway/src",
    ];
    let files = files
        .iter()
        .flat_map(|directory| files_below(&root().join(directory), "rs"));
    let texts = files.map(|path| std::fs::read_to_string(root().join(path)).unwrap());
    let mut source = String::new();
    for text in texts {
        let mut parts = text.split("\\\n");
        source.push_str(parts.next().unwrap_or_default());
        parts.for_each(|part| source.push_str(part.trim_start()));
    }
    source.replace("\\\"", "\"")
}

#[test]
fn every_explained_log_line_exists() {
    let source = source();
    let document = Document::read("docs/operations.md");
    let (mut problems, mut count) = (Vec::new(), 0);
    for row in document.text().lines() {
        let levels = ["| error | ", "| warning | ", "| info | "];
        let Some(row) = levels.iter().find_map(|level| row.strip_prefix(level)) else {
            continue;
        };
        let cell = row.split(" | ").next().unwrap_or_default();
        for line in cell.split('`').skip(1).step_by(2) {
            count += 1;
            let missing = fixed_parts(line).into_iter().find(|part| !source.contains(part));
            problems.extend(missing.map(|part| format!("no log line of the source has \"{part}\"")));
        }
    }
    assert!(count > 30, "{count} log lines");
    assert_none(&problems);
}
