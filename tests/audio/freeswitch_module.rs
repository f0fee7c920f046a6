//! `examples-c/hosts/freeswitch_tap.c` in a FreeSWITCH that carries a call between two SIP telephones, both
//! of which it plays itself. Debian has no FreeSWITCH, so a machine without one skips the test, also
//! where every other tool is demanded.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use crate::sender_process::SenderProcess;
use crate::support::build::{cc, installed, root, run};
use crate::switch_call::{SAYINGS, TALK, assert_recorded, write_sounds};

/// What the call needs. FreeSWITCH finds all but the last one in its own directory.
const MODULES: [&str; 7] = [
    "mod_logfile",
    "mod_commands",
    "mod_dptools",
    "mod_dialplan_xml",
    "mod_sndfile",
    "mod_sofia",
    "mod_callrec",
];

/// The flags that its headers need; `None` unless the program and its headers are installed.
fn header_flags() -> Option<Vec<String>> {
    let runs = Command::new("freeswitch").arg("-version").output().is_ok();
    let output = Command::new("pkg-config")
        .args(["--cflags", "freeswitch"])
        .output()
        .ok()?;
    if !runs || !output.status.success() {
        eprintln!("FreeSWITCH or its headers are not installed: its module did not run");
        return None;
    }
    let flags = String::from_utf8(output.stdout).expect("flags");
    Some(flags.split_whitespace().map(str::to_owned).collect())
}

/// Builds the module as docs/hosts.md says.
fn build_module(dir: &Path, flags: &[String]) -> PathBuf {
    let libraries = installed(dir);
    let module = dir.join("mod_callrec.so");
    let mut command = cc();
    command.args(["-std=gnu11", "-shared", "-fPIC"]).args(flags);
    command.args(["hosts/freeswitch_tap.c", "sample_tap.c"].map(|name| root().join("examples-c").join(name)));
    command.arg("-o").arg(&module).arg("-L").arg(&libraries);
    run(command
        .arg("-lcallrec")
        .arg(format!("-Wl,-rpath,{}", libraries.display())));
    module
}

/// Two ports that were free just now.
fn free_ports() -> [u16; 2] {
    let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}

fn element(name: &str, attribute: &str, value: &str) -> String {
    format!("<param name=\"{name}\" {attribute}=\"{value}\"/>")
}

/// A profile of SIP: the telephones have one, and the switch another.
fn profile(name: &str, port: u16) -> String {
    let settings = [
        ("sip-ip", "127.0.0.1"),
        ("rtp-ip", "127.0.0.1"),
        ("sip-port", &port.to_string()),
        ("dialplan", "XML"),
        ("context", name),
        ("auth-calls", "false"),
        ("inbound-codec-prefs", "PCMU"),
        ("outbound-codec-prefs", "PCMU"),
        ("rtp-timer-name", "soft"),
        ("manage-presence", "false"),
    ];
    let settings = settings
        .map(|(name, value)| element(name, "value", value))
        .concat();
    format!("<profile name=\"{name}\"><settings>{settings}</settings></profile>")
}

fn extension(number: &str, actions: &[(&str, &str)]) -> String {
    let actions: String = actions
        .iter()
        .map(|(application, data)| format!("<action application=\"{application}\" data=\"{data}\"/>"))
        .collect();
    format!(
        "<extension name=\"{number}\"><condition field=\"destination_number\" expression=\"^{number}$\">\
         {actions}</condition></extension>"
    )
}

/// The switch records the caller and calls the callee. The caller's telephone waits for a moment before
/// each command, so that what it has said has arrived.
fn dialplan(sounds: &Path, phones: u16) -> String {
    let file = |name: &str| sounds.join(name).with_extension("ulaw").display().to_string();
    let [before, paused, resumed, stopped] = SAYINGS.map(file);
    let command = |command: &str| format!("result=${{callrec({command} ${{global_getvar(recorded)}})}}");
    let [pause, resume, stop] = ["pause", "resume", "stop"].map(command);
    let bridge = format!("sofia/switch/callee@127.0.0.1:{phones}");
    let switch = extension(
        "record",
        &[
            ("set_global", "recorded=${uuid}"),
            ("callrec", ""),
            ("bridge", &bridge),
        ],
    );
    let wait = ("sleep", "200");
    let caller = extension(
        "caller",
        &[
            ("answer", ""),
            ("playback", &before),
            wait,
            ("set", &pause),
            ("playback", &paused),
            wait,
            ("set", &resume),
            ("playback", &resumed),
            wait,
            ("set", &stop),
            ("playback", &stopped),
            ("set", "result=${bgapi(fsctl shutdown elegant)}"),
            ("hangup", ""),
        ],
    );
    let callee = extension("callee", &[("answer", ""), ("playback", &file(TALK))]);
    format!("<context name=\"switch\">{switch}</context><context name=\"phones\">{caller}{callee}</context>")
}

/// The configuration of a FreeSWITCH that makes the call as soon as it runs.
fn configuration(dir: &Path, sounds: &Path) -> String {
    let [switch, phones] = free_ports();
    let load = |module: &str| match module {
        "mod_callrec" => format!("<load module=\"{module}\" path=\"{}\"/>", dir.display()),
        _ => format!("<load module=\"{module}\"/>"),
    };
    // Below the ports that the system chooses for others.
    let ports = element("rtp-start-port", "value", "20000") + &element("rtp-end-port", "value", "30000");
    format!(
        "<document type=\"freeswitch/xml\">\n\
         <X-PRE-PROCESS cmd=\"set\" data=\"api_on_startup=bgapi originate \
         sofia/switch/caller@127.0.0.1:{phones} record XML switch\"/>\n\
         <section name=\"configuration\">\
         <configuration name=\"switch.conf\"><settings>{ports}</settings></configuration>\
         <configuration name=\"modules.conf\"><modules>{}</modules></configuration>\
         <configuration name=\"logfile.conf\"><profiles><profile name=\"default\"><mappings>\
         <map name=\"all\" value=\"debug,info,notice,warning,err,crit,alert\"/>\
         </mappings></profile></profiles></configuration>\
         <configuration name=\"sofia.conf\"><profiles>{}{}</profiles></configuration>\
         </section><section name=\"dialplan\">{}</section></document>",
        MODULES.map(load).concat(),
        profile("switch", switch),
        profile("phones", phones),
        dialplan(sounds, phones)
    )
}

#[test]
fn a_module_of_freeswitch_records_a_call_through_it() {
    let Some(flags) = header_flags() else {
        return;
    };
    let scratch = ScratchDir::new();
    let dir = &scratch.0;
    let sounds = write_sounds(dir);
    build_module(dir, &flags);
    let mut command = Command::new("freeswitch");
    command.args(["-nf", "-nc", "-nonat"]);
    for name in ["conf", "log", "db", "run", "recordings"] {
        fs::create_dir(dir.join(name)).expect("a directory");
        command.arg(format!("-{name}")).arg(dir.join(name));
    }
    fs::write(dir.join("conf/freeswitch.xml"), configuration(dir, &sounds)).expect("a file");
    // Cargo's value would take precedence over the module's own rpath.
    command.env_remove("LD_LIBRARY_PATH");
    let process = SenderProcess::spawn(&mut command, &dir.join("output"));
    until("the call and the program end", || process.has_ended());
    eprintln!(
        "{}",
        fs::read_to_string(dir.join("log/freeswitch.log")).expect("a log")
    );
    process.wait_for_success();
    assert_recorded(&dir.join("recordings/callrec"));
}
