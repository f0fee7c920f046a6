//! The version resource of `callrec.dll`, which the Explorer and installers read.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the resource. Returns the object to link, or `None` for another target.
pub fn object() -> Result<Option<PathBuf>, Box<dyn std::error::Error>> {
    let (system, abi) = (
        env::var("CARGO_CFG_TARGET_OS")?,
        env::var("CARGO_CFG_TARGET_ENV")?,
    );
    if system != "windows" || abi != "gnu" {
        return Ok(None);
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (script, object) = (out.join("version.rc"), out.join("version.o"));
    std::fs::write(&script, text()?)?;
    let compiled = Command::new(compiler(&env::var("CARGO_CFG_TARGET_ARCH")?))
        .arg(script)
        .args(["-O", "coff", "-o"])
        .arg(&object)
        .status()
        .map_err(|error| format!("windres: {error}"))?;
    match compiled.success() {
        true => Ok(Some(object)),
        false => Err(format!("windres: {compiled}").into()),
    }
}

/// The compiler of resources: its name has the target's, unless it runs on Windows.
fn compiler(machine: &str) -> String {
    let machine = if machine == "x86" { "i686" } else { machine };
    match Path::new("C:\\").exists() {
        true => "windres".to_owned(),
        false => format!("{machine}-w64-mingw32-windres"),
    }
}

fn text() -> Result<String, env::VarError> {
    let version = env::var("CARGO_PKG_VERSION")?;
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}"));
    let numbers = format!("{},{},{},0", part("MAJOR")?, part("MINOR")?, part("PATCH")?);
    let description = env::var("CARGO_PKG_DESCRIPTION")?;
    // 0x40004: Windows NT. 2: a DLL. 0409, 04b0: English, UTF-16.
    Ok(format!(
        "1 VERSIONINFO\n\
         FILEVERSION {numbers}\n\
         PRODUCTVERSION {numbers}\n\
         FILEOS 0x40004\n\
         FILETYPE 2\n\
         BEGIN\n\
         BLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904b0\"\nBEGIN\n\
         VALUE \"FileDescription\", \"{description}\"\n\
         VALUE \"FileVersion\", \"{version}\"\n\
         VALUE \"InternalName\", \"callrec\"\n\
         VALUE \"OriginalFilename\", \"callrec.dll\"\n\
         VALUE \"ProductName\", \"callrec\"\n\
         VALUE \"ProductVersion\", \"{version}\"\n\
         END\nEND\n\
         BLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x0409, 0x04b0\nEND\n\
         END\n"
    ))
}
