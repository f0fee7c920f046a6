//! Rust blocks are quotes of files that the compiler checks.

use crate::assert_none;
use crate::markdown::documents;
use crate::support::build::root;

/// Marks lines that a quote leaves out.
const OMISSION: &str = "// …";

fn quote_problem(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(path) = lines.next().and_then(|line| line.strip_prefix("// ")) else {
        return Some("the first line must be a comment with the path of the quoted file".to_owned());
    };
    let Ok(source) = std::fs::read_to_string(root().join(path)) else {
        return Some(format!("there is no {path}"));
    };
    let mut source = source.lines().map(str::trim);
    let missing = lines
        .filter(|line| *line != OMISSION)
        .find(|quoted| !source.any(|line| line == *quoted));
    missing.map(|line| format!("{path} does not have this line, or not in this place: {line}"))
}

#[test]
fn every_rust_block_quotes_its_file() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        for block in document.blocks().iter().filter(|block| block.language == "rust") {
            count += 1;
            let place = format!("{}:{}", document.path.display(), block.line);
            problems.extend(quote_problem(&block.text).map(|problem| format!("{place}: {problem}")));
        }
    }
    assert!(count > 6, "{count} blocks");
    assert_none(&problems);
}

#[test]
fn wrong_quotes_are_found() {
    let right =
        "// tests/docs/quotes.rs\nuse crate::assert_none;\n    // …\nuse crate::markdown::documents;\n";
    assert_eq!(quote_problem(right), None);
    for wrong in [
        "use crate::assert_none;\n",
        "// tests/docs/nowhere.rs\n",
        "// tests/docs/quotes.rs\nuse crate::nothing;\n",
        "// tests/docs/quotes.rs\nuse crate::markdown::documents;\nuse crate::assert_none;\n",
    ] {
        assert!(quote_problem(wrong).is_some(), "{wrong}");
    }
}
