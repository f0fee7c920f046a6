//! Rust blocks, and C blocks that name a file, are quotes of files.

use crate::assert_none;
use crate::markdown::documents;
use crate::support::build::root;

/// Marks lines that a quote leaves out.
const OMISSION: &str = "// …";

/// The file that the first line of a C block names: a quote of a file that needs the headers of
/// another program.
pub fn quoted_c_file(text: &str) -> Option<&str> {
    let path = text.lines().next()?.strip_prefix("/* ")?.strip_suffix(" */")?;
    path.ends_with(".c").then_some(path)
}

fn quote_problem(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let Some(path) = quoted_c_file(text).or_else(|| first.strip_prefix("// ")) else {
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
fn every_quote_is_in_its_file() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        for block in document.blocks() {
            let is_c_quote = block.language == "c" && quoted_c_file(&block.text).is_some();
            if block.language != "rust" && !is_c_quote {
                continue;
            }
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
    let right = "/* examples-c/minimal.c */\n#include <callrec.h>\nint main(void)\n";
    assert_eq!(quote_problem(right), None);
    for wrong in [
        "/* examples-c/nowhere.c */\n",
        "/* examples-c/minimal.c */\nint nothing(void)\n",
        "use crate::assert_none;\n",
        "// tests/docs/nowhere.rs\n",
        "// tests/docs/quotes.rs\nuse crate::nothing;\n",
        "// tests/docs/quotes.rs\nuse crate::markdown::documents;\nuse crate::assert_none;\n",
    ] {
        assert!(quote_problem(wrong).is_some(), "{wrong}");
    }
}
