//! callrec's man pages: one for each function of the header, one for the configuration, one for each
//! command. And the same as pages of the site that mdBook makes from `docs`.
//!
//! Everything comes from where it is documented already: the comments of `include/callrec.h`, the keys of
//! the configuration, and the declaration of the command line. Only the examples are in `docs/examples`.

#![forbid(unsafe_code)]

mod command_pages;
mod config_page;
pub mod examples;
mod function_page;
pub mod header_docs;
pub mod header_types;
pub mod markdown;
mod mdoc;
mod overview_page;
mod reference;
pub mod site;
mod site_page;

use std::io;

/// The comments of the header are the documentation.
pub const HEADER: &str = include_str!("../../../include/callrec.h");

/// A man page.
pub struct ManualPage {
    pub name: String,
    pub section: u8,
    /// In mdoc, or in the older macros for the pages of commands.
    pub text: String,
}

impl ManualPage {
    /// The name of the page's file, such as `rec_open.3`.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// All pages.
///
/// # Errors
///
/// The pages of the commands are rendered through a writer.
pub fn pages() -> io::Result<Vec<ManualPage>> {
    let functions = header_docs::functions(HEADER);
    let mut pages = vec![
        overview_page::overview(HEADER, &functions),
        config_page::configuration(),
    ];
    for function in &functions {
        pages.push(function_page::page(function, &functions));
    }
    pages.extend(command_pages::commands()?);
    Ok(pages)
}
