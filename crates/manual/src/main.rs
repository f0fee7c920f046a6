//! Writes the man pages below a directory: `callrec-manual share/man`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: callrec-manual DIRECTORY");
        return ExitCode::from(2);
    };
    match write(&directory) {
        Ok(count) => {
            println!("{count} pages in {}", directory.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("callrec-manual: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> std::io::Result<usize> {
    let pages = callrec_manual::pages()?;
    for page in &pages {
        let section = directory.join(format!("man{}", page.section));
        std::fs::create_dir_all(&section)?;
        std::fs::write(section.join(page.file_name()), &page.text)?;
    }
    Ok(pages.len())
}
