//! `examples-c/hosts/asterisk_tap.c` in an Asterisk that carries a call between two SIP telephones, both
//! of which it plays itself. Debian 12 has no Asterisk, so a machine without one skips the test, also
//! where every other tool is demanded.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use callrec_testkit::asterisk::AsteriskInstallation;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use crate::sender_process::SenderProcess;
use crate::support::build::{cc, installed, root, run};
use crate::switch_call::{SAYINGS, TALK, assert_recorded, write_sounds};

/// What the call needs, in the order of loading.
const MODULES: [&str; 23] = [
    "pbx_config",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_timing_timerfd",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_pubsub",
    "res_pjsip_session",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_sdp_rtp",
    "res_rtp_asterisk",
    "res_clioriginate",
    "chan_pjsip",
    "codec_ulaw",
    "format_pcm",
    "bridge_simple",
    "bridge_native_rtp",
    "app_dial",
    "app_playback",
    "app_system",
    "func_global",
    "app_callrec",
];

/// Builds the module as docs/hosts.md says.
fn build_module(dir: &Path, module: &Path) {
    let libraries = installed(dir);
    let mut command = cc();
    command.args(["-std=gnu11", "-shared", "-fPIC"]);
    command.args([
        "-DAST_MODULE=\"app_callrec\"",
        "-DAST_MODULE_SELF_SYM=__internal_app_callrec_self",
    ]);
    command.args(["hosts/asterisk_tap.c", "sample_tap.c"].map(|name| root().join("examples-c").join(name)));
    command.arg("-o").arg(module).arg("-L").arg(&libraries);
    run(command
        .arg("-lcallrec")
        .arg(format!("-Wl,-rpath,{}", libraries.display())));
}

/// A port that was free just now.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address").port()
}

/// One SIP endpoint stands for all telephones, which are this Asterisk again.
fn pjsip_conf(port: u16) -> String {
    format!(
        "[transport]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n\
         [phones]\ntype=endpoint\ntransport=transport\ncontext=phones\naors=phones\n\
         disallow=all\nallow=ulaw\n\
         [phones]\ntype=aor\ncontact=sip:127.0.0.1:{port}\n\
         [phones]\ntype=identify\nendpoint=phones\nmatch=127.0.0.1\n"
    )
}

/// The switch records the caller and dials the callee. The caller's telephone waits for a moment
/// before each command, so that what it has said has arrived.
fn extensions_conf(dir: &Path, sounds: &Path) -> String {
    let cli = format!("asterisk -C {}/etc/asterisk.conf -rx", dir.display());
    let control = |command: &str| {
        format!(
            " same => n,Wait(0.2)\n same => n,System({cli} 'dialplan set chanvar ${{RECORDED}} CALLREC() {command}')\n"
        )
    };
    let say = |name: &str| format!(" same => n,Playback({})\n", sounds.join(name).display());
    [
        "[switch]\nexten => record,1,Set(GLOBAL(RECORDED)=${CHANNEL})\n",
        " same => n,Callrec()\n same => n,Dial(PJSIP/callee@phones)\n",
        "[phones]\nexten => caller,1,Answer()\n",
        &say(SAYINGS[0]),
        &control("pause"),
        &say(SAYINGS[1]),
        &control("resume"),
        &say(SAYINGS[2]),
        &control("stop"),
        &say(SAYINGS[3]),
        &format!(" same => n,System({cli} 'core stop gracefully' > /dev/null 2>&1 &)\n"),
        " same => n,Hangup()\nexten => callee,1,Answer()\n",
        &say(TALK),
    ]
    .concat()
}

/// Writes the configuration of an Asterisk that makes the call as soon as it runs.
fn configure(dir: &Path, asterisk: &AsteriskInstallation) {
    let sounds = write_sounds(dir);
    asterisk.configure(dir, &MODULES);
    let files = [
        ("pjsip.conf", pjsip_conf(free_port())),
        (
            "cli.conf",
            "[startup_commands]\nchannel originate PJSIP/caller@phones extension record@switch = yes\n"
                .into(),
        ),
        ("extensions.conf", extensions_conf(dir, &sounds)),
    ];
    for (name, text) in files {
        fs::write(dir.join("etc").join(name), text).expect("a file");
    }
}

#[test]
fn a_module_of_asterisk_records_a_call_through_it() {
    let headers = ["/usr/include/asterisk.h", "/usr/local/include/asterisk.h"];
    let has_headers = headers.iter().any(|header| Path::new(header).exists());
    let Some(asterisk) = AsteriskInstallation::find().filter(|_| has_headers) else {
        return eprintln!("Asterisk or its headers are not installed: its module did not run");
    };
    let scratch = ScratchDir::new();
    let dir = &scratch.0;
    configure(dir, &asterisk);
    build_module(dir, &dir.join("modules/app_callrec.so"));
    let mut command = asterisk.command(dir);
    // Cargo's value would take precedence over the module's own rpath.
    command.env_remove("LD_LIBRARY_PATH");
    let log = dir.join("asterisk.log");
    let process = SenderProcess::spawn(&mut command, &log);
    until("the call and the program end", || process.has_ended());
    eprintln!("{}", fs::read_to_string(&log).expect("a log"));
    process.wait_for_success();
    assert_recorded(&dir.join("spool/callrec"));
}
