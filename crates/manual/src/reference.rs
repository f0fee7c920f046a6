//! The reference as Markdown, for the site: a page for each function and each command, one with
//! the types and one with the constants.

use std::collections::BTreeMap;
use std::fmt::Write;

use callrec::settings::Settings;
use callrec_cli::command_line::CommandLine;
use clap::CommandFactory;

use crate::HEADER;
use crate::examples::{command_example, example_of};
use crate::function_page::TERMS;
use crate::header_docs::{HeaderFunction, functions};
use crate::header_types::{constants, types};
use crate::markdown::anchor;
use crate::site_page::SitePage;

/// The directory of these pages on the site.
pub const DIRECTORY: &str = "reference";

/// Where the site describes each function, type, constant and key, relative to the site.
pub fn places() -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for function in functions(HEADER) {
        let place = format!("{DIRECTORY}/{}.md", function.name);
        places.insert(function.name, place);
    }
    for one in types(HEADER) {
        let place = format!("{DIRECTORY}/types.md#{}", one.name);
        places.insert(one.name, place);
    }
    for group in constants(HEADER) {
        let place = format!("{DIRECTORY}/constants.md#{}", anchor(&group.title));
        places.extend(group.constants.into_iter().map(|one| (one.name, place.clone())));
    }
    let keys = Settings::keys().map(|key| (key.name.to_owned(), "configuration.md#the-keys".to_owned()));
    places.extend(keys);
    places
}

pub fn pages() -> Vec<SitePage> {
    let functions = functions(HEADER);
    let list = list_of(&functions);
    vec![
        page("functions", "Functions", list).with(functions.iter().map(function_page).collect()),
        page("types", "Types", types_text()),
        page("constants", "Constants", constants_text()),
        page("commands", "Commands", commands_text()).with(command_pages()),
    ]
}

fn page(file: &str, name: &str, text: String) -> SitePage {
    SitePage {
        name: name.to_owned(),
        path: format!("{DIRECTORY}/{file}.md"),
        source: format!("docs/{DIRECTORY}/{file}.md"),
        text: format!("# {name}\n\n{text}"),
        children: Vec::new(),
    }
}

fn list_of(functions: &[HeaderFunction]) -> String {
    let mut text = "Every function of `callrec.h`. [The C API](../abi.md) has the rules that they share.\n\n\
                    | function | what it does |\n| --- | --- |\n"
        .to_owned();
    for function in functions {
        let _ = writeln!(text, "| `{}` | {} |", function.name, function.summary());
    }
    text
}

fn function_page(function: &HeaderFunction) -> SitePage {
    let mut text = format!("```c\n#include <callrec.h>\n\n{}\n```\n\n", declaration(function));
    for paragraph in &function.text {
        text.push_str(paragraph);
        text.push_str("\n\n");
    }
    if !function.parameter_texts.is_empty() {
        text.push_str("## Parameters\n\n");
        items(
            &mut text,
            function
                .parameter_texts
                .iter()
                .map(|(name, meaning)| (format!("`{name}`"), meaning.as_str())),
        );
        text.push('\n');
    }
    let returns = match function.returns.as_str() {
        "" if function.result == "void" => "nothing.",
        "" => "`REC_OK`, or one of the errors.",
        returns => returns,
    };
    text.push_str("## Contract\n\n");
    items(&mut text, [("Returns".to_owned(), returns)]);
    let titles = TERMS.iter().chain(&["Errors", "Since", "Source"]);
    let terms = titles.map(|title| ((*title).to_owned(), function.closing(title)));
    items(&mut text, terms.filter(|(_, meaning)| !meaning.is_empty()));
    let _ = write!(
        text,
        "\n## Example\n\n```c\n{}\n```\n",
        example_of(&function.name)
    );
    page(&function.name, &function.name, text)
}

fn declaration(function: &HeaderFunction) -> String {
    let space = if function.result.ends_with('*') { "" } else { " " };
    let begin = format!("{}{space}{}(", function.result, function.name);
    let parameters = match function.parameters.is_empty() {
        true => "void".to_owned(),
        false => function
            .parameters
            .join(&format!(",\n{}", " ".repeat(begin.len()))),
    };
    format!("{begin}{parameters});")
}

fn items<'a>(text: &mut String, items: impl IntoIterator<Item = (String, &'a str)>) {
    for (title, meaning) in items {
        let _ = writeln!(text, "- **{title}**: {}", meaning.replace('\n', " "));
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn types_text() -> String {
    let mut text = String::new();
    for one in types(HEADER) {
        let _ = write!(text, "## {}\n\n", one.name);
        for paragraph in &one.text {
            let _ = write!(text, "{paragraph}\n\n");
        }
        let _ = write!(text, "```c\n{}\n```\n\n", one.declaration);
    }
    text
}

fn constants_text() -> String {
    let mut text = String::new();
    for group in constants(HEADER) {
        let _ = write!(
            text,
            "## {}\n\n| constant | value | |\n| --- | --- | --- |\n",
            group.title
        );
        for constant in group.constants {
            let meaning = cell(&constant.text.join(" "));
            let _ = writeln!(text, "| `{}` | {} | {meaning} |", constant.name, constant.value);
        }
        text.push('\n');
    }
    text
}

fn commands_text() -> String {
    let help = CommandLine::command().render_help();
    format!(
        "[The program callrec](../command-line.md) describes what the commands do.\n\n```text\n{help}```\n\n\
         ## Examples\n\n```sh\n{}```\n",
        command_example("callrec")
    )
}

fn command_pages() -> Vec<SitePage> {
    let program = CommandLine::command();
    let mut pages = Vec::new();
    for command in program.get_subcommands() {
        let (file, name) = (
            format!("callrec-{}", command.get_name()),
            format!("callrec {}", command.get_name()),
        );
        let help = command.clone().bin_name(&name).render_long_help();
        let text = format!(
            "```text\n{help}```\n\n## Examples\n\n```sh\n{}```\n",
            command_example(&file)
        );
        pages.push(page(&file, &name, text));
    }
    pages
}
