//! The page of a function.

use crate::ManualPage;
use crate::examples::example_of;
use crate::header_docs::HeaderFunction;
use crate::mdoc::{MdocText, quoted};

/// The closing lines of a comment that describe how to call the function.
pub const TERMS: [&str; 4] = ["Threads", "Blocking", "In callbacks", "Ownership"];

pub fn page(function: &HeaderFunction, all: &[HeaderFunction]) -> ManualPage {
    let mut page = MdocText::begin(&function.name, 3, &function.summary());
    page.section("LIBRARY");
    page.text("callrec (libcallrec, \\-lcallrec)".replace("\\-", "-").as_str());
    synopsis(&mut page, function);
    page.section("DESCRIPTION");
    page.paragraphs(&function.text);
    if !function.parameter_texts.is_empty() {
        page.macro_line("Pp", "");
        page.text("The parameters are:");
        let texts = function.parameter_texts.iter();
        page.terms(texts.map(|(name, text)| (name.as_str(), text.as_str())));
    }
    page.terms(
        TERMS
            .iter()
            .map(|title| (*title, function.closing(title)))
            .filter(|(_, text)| !text.is_empty()),
    );
    page.section("RETURN VALUES");
    match function.returns.as_str() {
        "" if function.result == "void" => page.text("The function returns nothing."),
        "" => page.text("`REC_OK`, or one of the errors below."),
        returns => page.text(returns),
    }
    page.section("EXAMPLES");
    page.code(example_of(&function.name));
    page.section("ERRORS");
    page.text(match function.closing("Errors") {
        "" => "none.",
        errors => errors,
    });
    page.section("SEE ALSO");
    see_also(&mut page, function, all);
    page.section("HISTORY");
    page.text(&format!(
        "`{}` is part of callrec since version {}.",
        function.name,
        function.closing("Since")
    ));
    if !function.closing("Source").is_empty() {
        page.text(&format!(
            "Published source of its behaviour: {}",
            function.closing("Source")
        ));
    }
    ManualPage {
        name: function.name.clone(),
        section: 3,
        text: page.finish(),
    }
}

fn synopsis(page: &mut MdocText, function: &HeaderFunction) {
    page.section("SYNOPSIS");
    page.macro_line("In", "callrec.h");
    page.macro_line("Ft", &quoted(&function.result));
    page.macro_line("Fo", &function.name);
    match function.parameters.is_empty() {
        true => page.macro_line("Fa", "void"),
        false => {
            for parameter in &function.parameters {
                page.macro_line("Fa", &quoted(parameter));
            }
        }
    }
    page.macro_line("Fc", "");
}

/// The functions that the comment names, and the overview.
fn see_also(page: &mut MdocText, function: &HeaderFunction, all: &[HeaderFunction]) {
    let texts = function
        .text
        .iter()
        .chain(function.parameter_texts.iter().map(|(_, text)| text));
    let text: String = texts.map(String::as_str).collect::<Vec<_>>().join(" ");
    let is_named =
        |other: &&HeaderFunction| other.name != function.name && text.contains(&format!("`{}`", other.name));
    let mut names: Vec<(&str, u8)> = all
        .iter()
        .filter(is_named)
        .map(|other| (other.name.as_str(), 3))
        .collect();
    names.push(("callrec", 3));
    names.push(("callrec-configuration", 5));
    names.sort_unstable_by_key(|(name, section)| (*section, *name));
    let last = names.len() - 1;
    for (index, (name, section)) in names.iter().enumerate() {
        let comma = if index < last { " ," } else { "" };
        page.macro_line("Xr", &format!("{name} {section}{comma}"));
    }
}
