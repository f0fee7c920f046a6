//! Real senders: two instances of baresip call each other by SIP. Each sends audio of its own, and
//! the recording has both sides of the call, compared with what each has sent.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;

use crate::fixture::*;
use crate::packet_arrivals::PacketArrivals;
use crate::sender_process::SenderProcess;
use crate::sent_audio::*;
use crate::sip_proxy::SipProxy;
use crate::support::build::is_installed;

/// Where Debian installs the modules.
const MODULES: &str = "/usr/lib/baresip/modules";
/// The caller is on the recording's left channel, and the callee on its right one.
pub const USERS: [&str; 2] = ["caller", "callee"];
pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;
/// What a side sends after the audio: the other side may have begun later.
const TAIL_SECONDS: usize = 10;
/// Packets of 20 ms from each side before the call ends: the audio, and five more, because a codec
/// delays it.
const PACKETS: usize = SECONDS as usize * 50 + 5;

/// A codec as baresip names it.
pub struct BaresipCodec {
    pub codec: &'static SentCodec,
    pub module: &'static str,
    pub audio_codecs: &'static str,
    pub channels: u16,
}

impl BaresipCodec {
    /// Whether the program, its driver for files and the codec are installed.
    pub fn is_installed(&self) -> bool {
        let runs = Command::new("baresip").arg("-h").output().is_ok();
        let has = |module: &str| Path::new(MODULES).join(module).exists();
        is_installed("baresip", runs && has("aufile.so")) && is_installed(self.module, has(self.module))
    }

    fn configuration(&self, wav: &Path) -> String {
        let lines = [
            "sip_listen 127.0.0.1:0".to_owned(),
            "net_interface 127.0.0.1".to_owned(),
            format!("audio_source aufile,{}", wav.display()),
            // There is no sound card: what the other side says is played to nobody.
            "audio_player aubridge,nobody".to_owned(),
            "audio_alert aubridge,nobody".to_owned(),
            format!("ausrc_channels {}", self.channels),
            format!("auplay_channels {}", self.channels),
            // Below the ports that the system chooses for others.
            "rtp_ports 10000-20000".to_owned(),
            "rtcp_mux no".to_owned(),
            format!("module_path {MODULES}"),
            format!("module {}", self.module),
            "module aufile.so".to_owned(),
            "module aubridge.so".to_owned(),
            "module_app account.so".to_owned(),
            "module_app menu.so".to_owned(),
        ];
        lines.join("\n") + "\n"
    }

    /// Starts a user agent that plays the samples and then silence. `more` gives further lines of
    /// its configuration.
    fn start(
        &self,
        user: &str,
        samples: &[i16],
        dir: &Path,
        proxy: u16,
        more: &dyn Fn(&Path) -> String,
    ) -> SenderProcess {
        let home = dir.join(user);
        fs::create_dir(&home).expect("a directory");
        let (wav, mut played) = (home.join("audio.wav"), samples.to_vec());
        played.resize(samples.len() + TAIL_SECONDS * self.codec.rate as usize, 0);
        write_wav(&wav, self.codec.rate, self.channels, &played);
        let configuration = self.configuration(&wav) + &more(&home);
        fs::write(home.join("config"), configuration).expect("a file");
        let account = format!(
            "<sip:{user}@127.0.0.1>;outbound=\"sip:127.0.0.1:{proxy};transport=udp\";regint=3600;\
             audio_codecs={};answermode=auto\n",
            self.audio_codecs
        );
        fs::write(home.join("accounts"), account).expect("a file");
        let mut command = Command::new("baresip");
        command.arg("-v").arg("-f").arg(&home);
        if user == USERS[CALLER] {
            command.args(["-e", &format!("/dial sip:{}@127.0.0.1", USERS[CALLEE])]);
        }
        SenderProcess::spawn(&mut command, &home.join("log"))
    }

    fn is_recorded_as_sent(&self) {
        if self.is_installed() {
            self.call_and_record(&|_| String::new());
        }
    }

    /// Two user agents call each other, and the packets between them are recorded. Returns the
    /// directory with the home of each user.
    pub fn call_and_record(&self, more: &dyn Fn(&Path) -> String) -> ScratchDir {
        let fixture = RecordingFixture::new(&[("media.clock", "real")]);
        let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
        let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
        let sent = self.codec.audio();
        let files = ScratchDir::new();
        let mut proxy = SipProxy::new(USERS);
        let port = proxy.port();
        let callee = self.start(USERS[CALLEE], &sent[CALLEE], &files, port, more);
        proxy.run_until("the callee registers", |proxy| {
            proxy.parties[CALLEE].is_registered()
        });
        let caller = self.start(USERS[CALLER], &sent[CALLER], &files, port, more);
        proxy.run_until("the callee answers", |proxy| proxy.is_answered);
        declare_negotiated(&proxy, [local, remote]);
        let arrivals = self.record_call(&mut proxy, [local, remote], &caller);
        end(&mut proxy, &callee);
        for user in USERS {
            assert_hears_the_other(&files.join(user));
        }
        self.codec
            .assert_recorded(&fixture.stop_and_read(&id), &sent, &arrivals);
        files
    }

    /// Feeds the packets of both parties and passes them on. Once both have sent their audio, the
    /// caller hangs up.
    fn record_call(
        &self,
        proxy: &mut SipProxy,
        feeds: [rec_feed; 2],
        caller: &SenderProcess,
    ) -> [PacketArrivals; 2] {
        let media = [CALLER, CALLEE].map(|party| proxy.parties[party].media.expect("an address"));
        let sockets = [CALLER, CALLEE].map(|party| proxy.parties[party].socket.clone());
        let arrivals = [CALLER, CALLEE].map(|_| Mutex::new(self.codec.arrivals()));
        let is_over = AtomicBool::new(false);
        let receive = |party: usize| {
            let other = 1 - party;
            let is_over = || is_over.load(Ordering::Relaxed);
            sockets[party].receive(is_over, |packet, from| {
                if from == media[party] {
                    arrivals[party]
                        .lock()
                        .unwrap()
                        .add(packet, || send_rtp(feeds[party], packet));
                    sockets[other].send(packet, media[other]);
                }
            });
        };
        let has_sent = |arrivals: &Mutex<PacketArrivals>| arrivals.lock().unwrap().packets >= PACKETS;
        std::thread::scope(|threads| {
            for party in [CALLER, CALLEE] {
                threads.spawn(move || receive(party));
            }
            proxy.run_until("both have sent their audio", |_| arrivals.iter().all(has_sent));
            end(proxy, caller);
            proxy.run_until("the BYE is answered", |proxy| proxy.is_ended);
            is_over.store(true, Ordering::Relaxed);
        });
        arrivals.map(|arrivals| arrivals.into_inner().unwrap())
    }
}

/// Asserts that the user agent with this directory has received audio.
fn assert_hears_the_other(home: &Path) {
    let log = fs::read_to_string(home.join("log")).expect("a log");
    let is_received = log.contains("incoming rtp for 'audio' established");
    assert!(is_received, "no audio came: {log}");
}

/// Declares each leg's payload types: a party sends what the other one's description permits.
fn declare_negotiated(proxy: &SipProxy, feeds: [rec_feed; 2]) {
    let [offer, answer] = [CALLER, CALLEE].map(|party| {
        let description = proxy.parties[party].description.as_deref();
        description.expect("a description")
    });
    declare(feeds[CALLEE], offer).expect("a known codec");
    // The audio section alone is accepted as well.
    let section = answer.find("m=audio").expect("an audio section");
    declare(feeds[CALLER], &answer[section..]).expect("a known codec");
}

/// Ends a user agent, which ends its call by a BYE and its registration.
fn end(proxy: &mut SipProxy, agent: &SenderProcess) {
    agent.terminate();
    proxy.run_until("the user agent ends", |_| agent.has_ended());
    agent.wait_for_success();
}

#[test]
fn pcmu_of_a_sip_call_is_recorded_as_sent() {
    let codec = BaresipCodec {
        codec: &PCMU,
        module: "g711.so",
        audio_codecs: "PCMU/8000/1",
        channels: 1,
    };
    codec.is_recorded_as_sent();
}

#[test]
fn pcma_of_a_sip_call_is_recorded_as_sent() {
    let codec = BaresipCodec {
        codec: &PCMA,
        module: "g711.so",
        audio_codecs: "PCMA/8000/1",
        channels: 1,
    };
    codec.is_recorded_as_sent();
}

#[test]
fn g722_of_a_sip_call_is_recorded_as_sent() {
    let codec = BaresipCodec {
        codec: &G722,
        module: "g722.so",
        audio_codecs: "G722/16000/1",
        channels: 1,
    };
    codec.is_recorded_as_sent();
}

#[test]
fn l16_of_a_sip_call_is_recorded_as_sent() {
    let codec = BaresipCodec {
        codec: &L16,
        module: "l16.so",
        audio_codecs: "L16/16000/1",
        channels: 1,
    };
    codec.is_recorded_as_sent();
}

#[test]
fn opus_of_a_sip_call_is_recorded_as_sent() {
    let codec = BaresipCodec {
        codec: &OPUS,
        module: "opus.so",
        audio_codecs: "opus/48000/2",
        channels: 2,
    };
    codec.is_recorded_as_sent();
}
