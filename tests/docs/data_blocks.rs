//! JSON and YAML blocks parse, and no block has a language without a check.

use serde_json::Value;

use crate::assert_none;
use crate::markdown::{documents, files_below};
use crate::support::build::root;

/// The tests of the Python binding compile its blocks. Nothing compiles those in C#.
const LANGUAGES: [&str; 10] = [
    "", "c", "cpp", "csharp", "json", "python", "rust", "sh", "text", "yaml",
];

/// JSON in which `…`, outside strings, stands for members that are left out.
fn without_omissions(text: &str) -> String {
    let mut json = String::new();
    let (mut is_string, mut is_escaped) = (false, false);
    for letter in text.chars() {
        if letter == '…' && !is_string {
            let end = json.trim_end().trim_end_matches(',').len();
            json.truncate(end);
            continue;
        }
        is_string ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        json.push(letter);
    }
    json
}

fn json_problem(text: &str) -> Option<String> {
    let json = without_omissions(text);
    let values = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
    values
        .filter_map(Result::err)
        .map(|error| error.to_string())
        .next()
}

fn yaml_problem(text: &str) -> Option<String> {
    let parsed: Result<serde_yaml_ng::Value, _> = serde_yaml_ng::from_str(text);
    parsed.err().map(|error| error.to_string())
}

#[test]
fn every_data_block_parses() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        for block in document.blocks() {
            let language = block.language.as_str();
            let problem = match language {
                "json" => json_problem(&block.text),
                "yaml" => yaml_problem(&block.text),
                _ if LANGUAGES.contains(&language) => None,
                _ => Some(format!("no check for the language \"{language}\"")),
            };
            count += usize::from(language == "json");
            let place = format!("{}:{}", document.path.display(), block.line);
            problems.extend(problem.map(|problem| format!("{place}: {problem}")));
        }
    }
    assert!(count > 2, "{count} blocks");
    assert_none(&problems);
}

#[test]
fn every_yaml_file_parses() {
    let files = files_below(&root().join("docs"), "yaml");
    assert!(!files.is_empty());
    for path in files {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        assert_eq!(yaml_problem(&text), None, "{}", path.display());
    }
}

#[test]
fn omitted_members_are_ignored_and_wrong_json_is_found() {
    for right in [
        "{ … }",
        "{\"a\": 1, …}",
        "[1, …]",
        "{\"a\": \"b…\"}\n{\"c\": { … }}",
    ] {
        assert_eq!(json_problem(right), None, "{right}");
    }
    for wrong in ["{", "{\"a\": }", "{\"a\" 1}", "[1, ]"] {
        assert!(json_problem(wrong).is_some(), "{wrong}");
    }
}
