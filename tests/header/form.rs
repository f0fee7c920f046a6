//! The form of the header's comments: what each function, field and constant must document.

use super::header;

/// The lines with which every function's comment ends, in this order. `Source:` may follow.
const CLOSING_LINES: [&str; 6] = [
    "Threads:",
    "Blocking:",
    "In callbacks:",
    "Ownership:",
    "Errors:",
    "Since:",
];

/// A function of the header.
pub struct DocumentedFunction {
    pub name: String,
    /// On one line, without the semicolon.
    pub declaration: String,
    /// The lines of the comment above it, without the asterisks.
    pub comment: Vec<String>,
}

impl DocumentedFunction {
    fn parameters(&self) -> Vec<&str> {
        let (_, list) = self.declaration.split_once('(').unwrap();
        let list = list.trim_end_matches(')').split(',');
        let names = list.map(|parameter| parameter.rsplit([' ', '*']).next().unwrap());
        names.filter(|name| *name != "void").collect()
    }

    fn documented_parameters(&self) -> Vec<&str> {
        let lines = self.comment.iter().filter_map(|line| {
            line.strip_prefix("@param[out] ")
                .or_else(|| line.strip_prefix("@param "))
        });
        lines.map(|line| line.split(' ').next().unwrap()).collect()
    }

    fn returns(&self, types: &str) -> bool {
        self.declaration.starts_with(&format!("{types} rec_"))
    }
}

/// The functions that a header declares, each with the comment above it.
pub fn functions(header: &str) -> Vec<DocumentedFunction> {
    let mut found = Vec::new();
    for block in header.split("\n\n").filter(|block| block.starts_with("/**")) {
        let Some((comment, declaration)) = block.split_once("*/\n") else {
            continue;
        };
        let declaration: Vec<&str> = declaration.lines().map(str::trim).collect();
        let declaration = declaration.join(" ");
        let Some(declaration) = declaration.strip_suffix(");") else {
            continue;
        };
        if declaration.starts_with("typedef") {
            continue;
        }
        let (before, _) = declaration.split_once('(').unwrap();
        let comment = comment.trim_start_matches("/**").lines();
        found.push(DocumentedFunction {
            name: before.rsplit([' ', '*']).next().unwrap().to_owned(),
            declaration: format!("{declaration})"),
            comment: comment
                .map(|line| line.trim_start_matches(" *").trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect(),
        });
    }
    assert!(found.len() > 40, "only {} functions were found", found.len());
    found
}

/// What is wrong with a function's comment, or "".
fn problem(function: &DocumentedFunction) -> String {
    let comment = &function.comment;
    let first = comment.first().map_or("", String::as_str);
    let verb = first.split(' ').next().unwrap_or_default();
    if !verb.ends_with('s') || !verb.starts_with(char::is_uppercase) {
        return format!("begins with {verb:?}, not with a verb in the third person");
    }
    if function.documented_parameters() != function.parameters() {
        return format!("documents the parameters {:?}", function.documented_parameters());
    }
    let returns = comment.iter().any(|line| line.starts_with("@return "));
    if returns == (function.returns("rec_status") || function.returns("void")) {
        return "a result that is not a status has a @return line, and no other has".to_owned();
    }
    let closing = CLOSING_LINES.iter().chain(["Source:"].iter());
    let lines: Vec<&str> = comment.iter().map(String::as_str).collect();
    let found: Vec<&str> = lines
        .iter()
        .filter_map(|line| closing.clone().find(|name| line.starts_with(**name)).copied())
        .collect();
    let expected = &CLOSING_LINES[..];
    if found != expected && found != [expected, &["Source:"]].concat() {
        return format!("closes with the lines {found:?}");
    }
    String::new()
}

#[test]
fn every_function_documents_its_parameters_and_has_its_closing_lines_in_order() {
    for function in functions(&header()) {
        assert_eq!(problem(&function), "", "{}", function.name);
    }
}

#[test]
fn an_incomplete_function_comment_is_found() {
    let header = header();
    for (from, to) in [
        (" * Closes an engine.", " * Close an engine."),
        (
            " * @param timeout_ms The maximum wait in",
            " * @param timeout The maximum wait in",
        ),
        (
            " * Threads: any.\n * Blocking: never.\n",
            " * Blocking: never.\n * Threads: any.\n",
        ),
        (
            " * @return The number of recordings.",
            " * The number of recordings.",
        ),
        (
            " * Since: 0.2.0\n */\nrec_status rec_audit_head",
            " */\nrec_status rec_audit_head",
        ),
    ] {
        assert!(header.contains(from), "{from}");
        let problems = functions(&header.replace(from, to));
        assert!(
            problems.iter().any(|function| !problem(function).is_empty()),
            "{from}"
        );
    }
}

#[test]
fn every_constant_type_and_member_has_a_comment() {
    let header = header();
    let lines: Vec<&str> = header.lines().collect();
    let mut counted = 0;
    for pair in lines.windows(2) {
        let [above, line] = pair else { continue };
        let is_member = line.starts_with("    ") && line.ends_with(';') && !line.contains([')', '(']);
        let is_constant = line.starts_with("#define REC_") && !line.contains("type)");
        let is_type = line.starts_with("typedef ");
        if is_member || is_constant || is_type {
            assert!(above.ends_with("*/"), "{line}");
            counted += 1;
        }
    }
    assert!(counted > 300, "{counted}");
}

#[test]
fn no_line_of_a_comment_is_longer_than_100_columns() {
    // Configuration keys may have a long default.
    let header = header();
    let comments = header.lines().filter(|line| line.trim_start().starts_with('*'));
    let words = |line: &str| line.split(' ').filter(|word| word.len() > 1).count();
    let long = comments.filter(|line| line.chars().count() > 100 && words(line) > 1);
    assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new());
}
