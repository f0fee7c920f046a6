//! C blocks compile, complete programs run, and README's program leaves a recording.

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wav::WavFile;

use crate::markdown::{CodeBlock, Document, documents};
use crate::quotes::quoted_c_file;
use crate::support::build::{cc, cxx, has_cxx, installed, run};

/// The complete C file of a block.
fn source_of(document: &Document, block: &CodeBlock) -> String {
    let position = format!("#line {} \"{}\"\n", block.line, document.path.display());
    if block.text.contains("#include") {
        return position + &block.text;
    }
    let parameters = "(rec_engine engine, rec_call call, rec_feed feed, rec_error error)";
    format!(
        "#include <callrec.h>\n#include <stdio.h>\n\
         rec_status fragment{parameters};\nrec_status fragment{parameters}\n\
         {{\n(void)engine; (void)call; (void)feed;\n{position}{}return error.status;\n}}\n",
        block.text
    )
}

/// The complete C++ file of a block.
fn cpp_source_of(document: &Document, block: &CodeBlock) -> String {
    let position = format!("#line {} \"{}\"\n", block.line, document.path.display());
    if block.text.contains("#include") {
        return position + &block.text;
    }
    format!(
        "#include <callrec.hpp>\n#include <algorithm>\n#include <cstdio>\n\
         void fragment(callrec::engine &engine);\nvoid fragment(callrec::engine &engine)\n\
         {{\n{position}{}}}\n",
        block.text
    )
}

fn c_blocks(document: &Document) -> Vec<CodeBlock> {
    blocks_in(document, "c")
}

fn blocks_in(document: &Document, language: &str) -> Vec<CodeBlock> {
    let blocks = document.blocks().into_iter();
    let blocks = blocks.filter(|block| block.language == language);
    blocks
        .filter(|block| quoted_c_file(&block.text).is_none())
        .collect()
}

#[test]
fn every_c_block_compiles() {
    let directory = ScratchDir::new();
    let mut count = 0;
    for document in documents() {
        for block in c_blocks(&document) {
            let file = directory.0.join("block.c");
            std::fs::write(&file, source_of(&document, &block)).unwrap();
            let mut command = cc();
            command
                .args(["-std=c99", "-c", "-o"])
                .arg(directory.0.join("block.o"));
            run(command.arg(&file));
            count += 1;
        }
    }
    assert!(count > 1, "{count} blocks");
}

#[test]
fn every_cpp_block_compiles() {
    if !has_cxx() {
        return;
    }
    let directory = ScratchDir::new();
    let mut count = 0;
    for document in documents() {
        for block in blocks_in(&document, "cpp") {
            let file = directory.0.join("block.cpp");
            std::fs::write(&file, cpp_source_of(&document, &block)).unwrap();
            let mut command = cxx();
            command.args(["-std=c++17", "-fsyntax-only"]);
            run(command.arg(&file));
            count += 1;
        }
    }
    assert!(count > 3, "{count} blocks");
}

/// Compiles and links a C file with the shared library.
fn program(directory: &Path, source: &str) -> PathBuf {
    let libraries = installed(directory);
    let (file, program) = (directory.join("first.c"), directory.join("first"));
    std::fs::write(&file, source).unwrap();
    let mut command = cc();
    command.arg("-std=c99").arg(file).arg("-o").arg(&program);
    command.arg("-L").arg(&libraries).arg("-lcallrec");
    run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    program
}

/// README's program has a test of its own.
#[test]
fn every_program_of_the_pages_runs() {
    let mut count = 0;
    for document in documents() {
        if !document.path.starts_with("docs") {
            continue;
        }
        for block in c_blocks(&document) {
            let needs_gateway = block.text.contains("rec_gateway_start");
            if !block.text.contains("int main(") || needs_gateway && !cfg!(feature = "gateway") {
                continue;
            }
            let directory = ScratchDir::new();
            let program = program(&directory.0, &source_of(&document, &block));
            run(Command::new(program).current_dir(&directory.0));
            count += 1;
        }
    }
    assert!(count > 6, "{count} programs");
}

#[test]
fn the_program_in_the_readme_records_a_call() {
    let readme = Document::read("README.md");
    let blocks = c_blocks(&readme);
    let block = blocks.first().expect("README.md shows a program");
    let lines = block.text.lines().count();
    assert!(lines <= 30, "{lines} lines are too many for a first look");
    let directory = ScratchDir::new();
    let program = program(&directory.0, &block.text);
    run(Command::new(program).current_dir(&directory.0));
    let recordings = std::fs::read_dir(directory.0.join("recordings")).unwrap();
    let paths = recordings.map(|entry| entry.unwrap().path());
    let [wav] = &paths
        .filter(|path| path.extension().is_some_and(|found| found == "wav"))
        .collect::<Vec<_>>()[..]
    else {
        panic!("there is not exactly one WAV file");
    };
    let wav = WavFile::read(wav.to_str().unwrap());
    let loud = wav
        .pcm(0)
        .iter()
        .filter(|sample| sample.unsigned_abs() == 8000)
        .count();
    assert_eq!((wav.rate, loud), (8000, 16_000), "2 s of a tone");
}
