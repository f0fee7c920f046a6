//! Writes the man pages below a directory: `callrec-manual share/man`. With `--site`, it is the
//! preprocessor of mdBook that makes the site.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let result = match (arguments.next(), arguments.next()) {
        // mdBook asks whether the preprocessor supports a renderer, and then runs it.
        (Some(option), Some(_)) if option == "--site" => Ok(()),
        (Some(option), None) if option == "--site" => site(),
        (Some(directory), None) => write(&PathBuf::from(directory)),
        _ => {
            eprintln!("usage: callrec-manual DIRECTORY\n       callrec-manual --site < BOOK");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callrec-manual: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> std::io::Result<()> {
    let pages = callrec_manual::pages()?;
    for page in &pages {
        let section = directory.join(format!("man{}", page.section));
        std::fs::create_dir_all(&section)?;
        std::fs::write(section.join(page.file_name()), &page.text)?;
    }
    println!("{} pages in {}", pages.len(), directory.display());
    Ok(())
}

fn site() -> std::io::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let output = callrec_manual::site::with_reference(&input).map_err(std::io::Error::other)?;
    println!("{output}");
    Ok(())
}
