//! `examples-c/hosts/baresip_tap.c` in Debian's baresip: each user agent of a real call records both
//! parties by its own audio filter.

use std::path::{Path, PathBuf};

use callrec_testkit::wav::WavFile;

use crate::baresip::{BaresipCodec, CALLEE, CALLER, USERS};
use crate::recorded_parts::{recording_in, share};
use crate::sent_audio::PCMU;
use crate::support::build::{cc, installed, is_installed, root, run};

/// The share of the parts that must be in the recording. The first packets of a call may be lost
/// before the other side plays, and baresip's buffers may drop audio on a busy machine.
const FOUND: f64 = 0.7;
/// The share of the other party's parts that may be there by chance.
const CHANCE: f64 = 0.05;

/// Whether the headers of the libraries that baresip is made of are installed.
fn has_headers() -> bool {
    let has = |path: &str| Path::new(path).exists();
    is_installed("libre-dev", has("/usr/include/re/re.h"))
        && is_installed("librem-dev", has("/usr/include/rem/rem.h"))
}

fn build_module(dir: &Path) -> PathBuf {
    let libraries = installed(dir);
    let module = dir.join("callrec_tap.so");
    let mut command = cc();
    command.args(["-std=gnu11", "-shared", "-fPIC", "-DHAVE_INTTYPES_H"]);
    command.args(["-isystem", "/usr/include/re", "-isystem", "/usr/include/rem"]);
    command.arg("-I").arg(root().join("tests/c/declarations"));
    command.args(["hosts/baresip_tap.c", "sample_tap.c"].map(|name| root().join("examples-c").join(name)));
    command
        .arg("-o")
        .arg(&module)
        .arg("-L")
        .arg(&libraries)
        .arg("-lcallrec");
    run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    module
}

#[test]
fn a_module_of_baresip_records_its_own_call() {
    let codec = BaresipCodec {
        codec: &PCMU,
        module: "g711.so",
        audio_codecs: "PCMU/8000/1",
        channels: 1,
    };
    if !codec.is_installed() || !has_headers() {
        return;
    }
    let dir = callrec_testkit::directory::ScratchDir::new();
    let module = build_module(&dir.0);
    let files = codec.call_and_record(&|home| {
        let recordings = home.join("recordings");
        // baresip puts its own directory of modules before the path.
        format!(
            "module ../../../..{}\ncallrec_path {}\n",
            module.display(),
            recordings.display()
        )
    });
    let sent = PCMU.audio();
    for (party, other) in [(CALLER, CALLEE), (CALLEE, CALLER)] {
        let wav = WavFile::read(recording_in(&files.0.join(USERS[party]).join("recordings")));
        assert_eq!((wav.rate, wav.channels), (8000, 2));
        for (channel, speaker, listener) in [(0, party, other), (1, other, party)] {
            let recorded = wav.pcm(channel);
            let (right, wrong) = (
                share(&sent[speaker], &recorded),
                share(&sent[listener], &recorded),
            );
            let place = format!("channel {channel} of {}: {right:.2}, {wrong:.2}", USERS[party]);
            assert!(right >= FOUND && wrong <= CHANCE, "{place}");
        }
    }
}
