//! The page `callrec(3)`: what all functions have in common, and a list of them.

use crate::ManualPage;
use crate::header_docs::{HeaderFunction, paragraphs};
use crate::mdoc::MdocText;

const EXAMPLE: &str = "#include <callrec.h>\n#include <stdio.h>\n\nint main(void)\n{\n    printf(\"%s\\n\", rec_version());\n    return 0;\n}\n";

pub fn overview(header: &str, functions: &[HeaderFunction]) -> ManualPage {
    let mut page = MdocText::begin("callrec", 3, "a library that records live telephone calls");
    page.section("LIBRARY");
    page.text("callrec (libcallrec, -lcallrec)");
    page.section("SYNOPSIS");
    page.macro_line("In", "callrec.h");
    page.section("DESCRIPTION");
    let mut is_first = true;
    for paragraph in main_comment(header) {
        if let Some(title) = paragraph.strip_prefix("@section ") {
            let (_, title) = title.split_once(' ').unwrap_or(("", title));
            page.macro_line("Ss", title);
            is_first = true;
        } else {
            if !is_first {
                page.macro_line("Pp", "");
            }
            page.paragraphs([&paragraph]);
            is_first = false;
        }
    }
    page.macro_line("Ss", "Functions");
    let summaries: Vec<(String, String)> = functions
        .iter()
        .map(|one| (format!("{}(3)", one.name), format!("{}.", one.summary())))
        .collect();
    page.terms(
        summaries
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    );
    page.section("EXAMPLES");
    page.code(EXAMPLE);
    page.section("SEE ALSO");
    page.macro_line("Xr", "callrec 1 ,");
    page.macro_line("Xr", "callrec-configuration 5");
    ManualPage {
        name: "callrec".to_owned(),
        section: 3,
        text: page.finish(),
    }
}

/// The paragraphs of the header's main comment.
fn main_comment(header: &str) -> Vec<String> {
    let Some((_, after)) = header.split_once("@mainpage callrec") else {
        return Vec::new();
    };
    let (comment, _) = after.split_once("*/").unwrap_or((after, ""));
    paragraphs(comment)
}
