//! `callrec record` as the receiver of the External Media of a real Asterisk. Debian 12 has no
//! Asterisk, so a machine without one skips the test, also where every other tool is demanded.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callrec_testkit::asterisk::AsteriskInstallation;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::{Law, decode};
use nix::sys::signal::Signal;

use super::capture_file::speech;
use super::program::{text, wav_channels};
use super::recording_process::{RecordingProcess, contains};

const MODULES: [&str; 15] = [
    "pbx_config",
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_rtp_asterisk",
    "res_rtp_multicast",
    "res_clioriginate",
    "chan_rtp",
    "codec_ulaw",
    "format_pcm",
    "format_sln",
    "app_playback",
    "app_system",
];
/// Two seconds.
const PACKETS: usize = 100;

/// A format of Asterisk: its file, and what is declared to callrec.
struct MediaFormat {
    name: &'static str,
    suffix: &'static str,
    rate: usize,
    declared: &'static [&'static str],
}

const FORMATS: [MediaFormat; 3] = [
    MediaFormat {
        name: "ulaw",
        suffix: "ulaw",
        rate: 8000,
        declared: &[],
    },
    MediaFormat {
        name: "slin",
        suffix: "sln",
        rate: 8000,
        declared: &["--payload", "10 L16/8000"],
    },
    MediaFormat {
        name: "slin16",
        suffix: "sln16",
        rate: 16_000,
        declared: &["--payload", "118 L16/16000"],
    },
];

/// Writes the sound that is played in a format. Returns its samples.
fn write_sound(dir: &Path, format: &MediaFormat) -> Vec<i16> {
    let path = dir.join(format.name).with_extension(format.suffix);
    if format.name == "ulaw" {
        let bytes = speech(31, PACKETS).concat();
        fs::write(path, &bytes).expect("a sound");
        return bytes.iter().map(|byte| decode(Law::Mu, *byte)).collect();
    }
    let count = PACKETS * format.rate / 50;
    let samples: Vec<i16> = (1..=count).map(|n| (n * 37 % 20_011) as i16 - 10_000).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(path, bytes).expect("a sound");
    samples
}

/// Each channel plays the sound of its format. The first one ends Asterisk when all have hung up.
fn extensions_conf(dir: &Path) -> String {
    let mut lines = "[media]\n".to_owned();
    for format in &FORMATS {
        lines += &format!(
            "exten => {name},1,Wait(0.5)\n same => n,Playback({})\n",
            dir.join(format.name).display(),
            name = format.name,
        );
        if format.name == FORMATS[0].name {
            let conf = dir.join("etc/asterisk.conf");
            lines += &format!(
                " same => n,System(asterisk -C {} -rx 'core stop gracefully' > /dev/null 2>&1 &)\n",
                conf.display()
            );
        }
        lines += " same => n,Hangup()\n";
    }
    lines
}

#[test]
fn the_external_media_of_asterisk_is_recorded_sample_by_sample() {
    let Some(asterisk) = AsteriskInstallation::find() else {
        return eprintln!("Asterisk's modules are not installed: its External Media did not run");
    };
    let scratch = ScratchDir::new();
    let dir: &Path = &scratch;
    asterisk.configure(dir, &MODULES);
    fs::write(dir.join("etc/extensions.conf"), extensions_conf(dir)).expect("a file");
    let mut originate = "[startup_commands]\n".to_owned();
    let mut recorders = Vec::new();
    for format in &FORMATS {
        let samples = write_sound(dir, format);
        let directory = dir.join("recordings").join(format.name);
        let more = [&["--layout", "local"], format.declared].concat();
        let recorder = RecordingProcess::spawn(text(&directory), &["--local"], &more);
        originate += &format!(
            "channel originate UnicastRTP/{}/c({name}) extension {name}@media = yes\n",
            recorder.addresses[0],
            name = format.name,
        );
        recorders.push((format.name, recorder, samples));
    }
    fs::write(dir.join("etc/cli.conf"), originate).expect("a file");
    let log = dir.join("asterisk.log");
    let output = File::create(&log).expect("a file");
    // It must not outlive a test that fails.
    let ended = Command::new("timeout")
        .args(["120", "asterisk"])
        .args(asterisk.command(dir).get_args())
        .stdin(Stdio::null())
        .stderr(output.try_clone().expect("a second handle"))
        .stdout(output)
        .status();
    eprintln!("{}", fs::read_to_string(&log).expect("a log"));
    assert!(ended.expect("Asterisk").success());
    for (name, recorder, samples) in recorders {
        let result = recorder.end(Signal::SIGINT);
        let channels = wav_channels(&PathBuf::from(result["path"].as_str().expect("a path")));
        assert!(contains(&channels[0], &samples), "{name}: {result}");
    }
}
