//! Generates the header into `OUT_DIR`, and sets the soname of the shared library or the version of
//! the DLL.

#[path = "build/sections.rs"]
mod sections;
#[path = "build/version_resource.rs"]
mod version_resource;

use std::env;
use std::path::PathBuf;

/// The sources that come first in the header, in order.
const FIRST_SOURCES: [&str; 8] = [
    "values.rs",
    "handle_types.rs",
    "call_types.rs",
    "feed_types.rs",
    "recording_types.rs",
    "event_types.rs",
    "gateway_types.rs",
    "callback_types.rs",
];

fn main() {
    println!("cargo::rerun-if-changed=src/capi");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    link_arguments();
    if let Err(error) = header() {
        // The library builds without the header, but the test that compares it fails.
        println!("cargo::warning=the header could not be made: {error}");
    }
}

fn link_arguments() {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcallrec.so.0");
        // The library's threads and thread-locals may outlive a dlclose.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // A dependency of object_store, crc-fast, has C functions of its own.
        println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    }
    match version_resource::object() {
        Ok(Some(object)) => println!("cargo::rustc-cdylib-link-arg={}", object.display()),
        Ok(None) => {}
        Err(error) => println!("cargo::warning=callrec.dll has no version: {error}"),
    }
}

fn header() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("callrec.h");
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let after = config.after_includes.take().unwrap_or_default();
    let after = after.replace("@GROUPS@", &sections::definitions());
    config.after_includes = Some(after.replace("@VERSION@", &version()?));
    let mut builder = cbindgen::Builder::new().with_config(config);
    let mut sources: Vec<_> = std::fs::read_dir(root.join("src/capi"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    sources.sort();
    // The constants and the types come before the functions.
    let place = |path: &PathBuf| FIRST_SOURCES.iter().position(|first| path.ends_with(first));
    sources.sort_by_key(|path| place(path).unwrap_or(FIRST_SOURCES.len()));
    for source in sources {
        builder = builder.with_src(source);
    }
    let mut generated = Vec::new();
    builder.generate()?.write(&mut generated);
    std::fs::write(&out, sections::arrange(&String::from_utf8(generated)?)?)?;
    println!("cargo::rustc-env=CALLREC_HEADER={}", out.display());
    Ok(())
}

fn version() -> Result<String, env::VarError> {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}"));
    let (major, minor, patch) = (part("MAJOR")?, part("MINOR")?, part("PATCH")?);
    Ok(format!(
        "/** Major version of this header. */\n#define REC_VERSION_MAJOR {major}\n\n\
         /** Minor version of this header. */\n#define REC_VERSION_MINOR {minor}\n\n\
         /** Patch version of this header. */\n#define REC_VERSION_PATCH {patch}\n\n\
         /** Version of this header as a number, to compare with `rec_version_number`. */\n\
         #define REC_VERSION_NUMBER ((REC_VERSION_MAJOR << 16) | (REC_VERSION_MINOR << 8) | REC_VERSION_PATCH)\n\n\
         /** Version of this header as text. */\n#define REC_VERSION_STRING \"{major}.{minor}.{patch}\""
    ))
}
