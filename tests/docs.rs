//! The documents: their code blocks, commands, paths, links and anchors. CONTRIBUTING.md
//! states the rules, in "Write documentation".

#[path = "docs/c_blocks.rs"]
mod c_blocks;
#[path = "docs/commands.rs"]
mod commands;
#[path = "docs/data_blocks.rs"]
mod data_blocks;
#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/log_lines.rs"]
mod log_lines;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/quotes.rs"]
mod quotes;
#[path = "docs/requirements.rs"]
mod requirements;
#[path = "docs/site.rs"]
mod site;
#[path = "support/support.rs"]
mod support;

/// Fails with all problems at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
