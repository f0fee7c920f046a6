//! The reference that Doxygen makes from the header (`docs/Doxyfile`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use callrec_testkit::directory::ScratchDir;

use super::listed_exports;
use super::support::build::{has, root};

/// Runs Doxygen on a header, with `docs/Doxyfile`.
fn doxygen(header: &Path, directory: &Path) -> Output {
    let settings = std::fs::read_to_string(root().join("docs/Doxyfile")).unwrap();
    let settings = format!(
        "{settings}\nINPUT = {}\nOUTPUT_DIRECTORY = {}\n",
        header.display(),
        directory.display()
    );
    let file = directory.join("Doxyfile");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new("doxygen");
    command.arg(file).current_dir(root()).output().unwrap()
}

/// The pages in `directory`, by their title.
fn pages(directory: &Path) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "html") {
            let page = std::fs::read_to_string(path).unwrap();
            let title = page.split_once("<title>callrec: ").map(|(_, title)| title);
            let title = title.and_then(|title| Some(title.split_once("</title>")?.0.to_owned()));
            pages.extend(title.map(|title| (title, page)));
        }
    }
    pages
}

#[test]
fn doxygen_makes_a_page_of_every_function_without_a_warning() {
    if !has("doxygen") {
        return;
    }
    let dir = ScratchDir::new();
    let output = doxygen(&root().join("include/callrec.h"), &dir.0);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let pages = pages(&dir.0.join("html"));
    for function in listed_exports() {
        let page = pages.get(&function);
        let page = page.unwrap_or_else(|| panic!("{function} has no page"));
        for heading in [
            "Threads",
            "Blocking",
            "In callbacks",
            "Ownership",
            "Errors",
            "Since",
        ] {
            let heading = format!("<dt>{heading}</dt>");
            assert!(page.contains(&heading), "{function}: {heading}");
        }
    }
}

#[test]
fn doxygen_refuses_an_unknown_name_and_a_missing_comment() {
    if !has("doxygen") {
        return;
    }
    let header = std::fs::read_to_string(root().join("include/callrec.h")).unwrap();
    for (from, to) in [
        ("until `rec_close`.", "until `rec_closed`."),
        (" * @param timeout_ms ", " * @param timeout "),
        (
            "    uint64_t lost_ms;",
            "    uint64_t lost_ms;\n    uint64_t found_ms;",
        ),
    ] {
        assert!(header.contains(from), "{from}");
        let dir = ScratchDir::new();
        let changed = dir.0.join("callrec.h");
        std::fs::write(&changed, header.replace(from, to)).unwrap();
        assert!(!doxygen(&changed, &dir.0).status.success(), "{from}");
    }
}
