//! The TAPI bridge as a service of Windows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use callrec_testkit::manifest::published_manifests;
use callrec_testkit::wait::until;

use crate::bridge::WindowsBridge;
use crate::support::build::run;
use crate::wine;

const NAME: &str = "callrec-bridge";
const EVENT_SOURCE: &str = r"HKLM\System\CurrentControlSet\Services\EventLog\Application\callrec-bridge";

/// The service of a bridge. There is one of this name, so the tests take turns.
struct Service<'a> {
    bridge: &'a WindowsBridge,
    _turn: MutexGuard<'static, ()>,
}

impl Service<'_> {
    fn install(bridge: &WindowsBridge) -> Service<'_> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut bridge.command(&["--install"]));
        Service { bridge, _turn: turn }
    }

    #[track_caller]
    fn start(&self) {
        run(&mut wine::tool(&["net", "start", NAME]));
        until("the service runs", || {
            let status = status().expect("the service is installed");
            assert!(!status.contains("STOPPED"), "{status}{}", self.bridge.events());
            status.contains("RUNNING")
        });
    }

    /// Returns whether there was a service.
    fn uninstall(&self) -> bool {
        let output = self.bridge.command(&["--uninstall"]).output().unwrap();
        output.status.success()
    }
}

/// A test that fails leaves nothing to the next one.
impl Drop for Service<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = wine::tool(&["net", "stop", NAME]).output();
            self.uninstall();
        }
    }
}

/// What a program of Windows prints, if it succeeds.
fn printed(words: &[&str]) -> Option<String> {
    let output = wine::tool(words).output().unwrap();
    let is_done = output.status.success();
    is_done.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn status() -> Option<String> {
    printed(&["sc", "query", NAME])
}

/// What the registry has of the source, as the event log shows it when the source is opened.
const SOURCE_OPENED: &str = r"callrec-bridge 7 %SystemRoot%\System32\EventCreate.exe";

const SERVED: &str = "line 1 SEP001122334401 1001
line 2 SEP001122334402 1002
info 1 11 id=501 caller=0301234 called=1001
state 1 11 connected
go
until closed
close 2
";

/// The service starts, obeys the pipe, writes to the event log, ends its recordings when it is stopped,
/// and is removed with its event source.
#[test]
fn the_bridge_runs_as_a_service() {
    if wine::package().is_none() {
        return;
    }
    let bridge = WindowsBridge::new("mode = manual", SERVED);
    let service = Service::install(&bridge);
    service.start();
    let source = printed(&["reg", "query", EVENT_SOURCE, "/v", "EventMessageFile"]);
    assert!(source.is_some_and(|text| text.contains("EventCreate.exe")));
    until("the lines are open", || {
        bridge.send("list").starts_with("ok 1") && bridge.requests().contains("open 2 ")
    });
    let answer = bridge.send("start SEP001122334401");
    assert!(answer.starts_with("ok "), "{answer}");
    let requests = bridge.requests();
    assert!(
        requests.contains("open 1 privileges 2 "),
        "a monitor suffices: {requests}"
    );
    bridge.continue_script("closed");
    until("the event", || bridge.events().contains("closed line"));
    run(&mut wine::tool(&["net", "stop", NAME]));
    let stopped = status().expect("the service is installed");
    assert!(stopped.contains("STOPPED"), "{stopped}");
    assert!(bridge.requests().contains("shut down"));
    let events = format!("{SOURCE_OPENED}\nwarning 1 closed line SEP001122334402: 0x00000000\n");
    assert_eq!(
        bridge.events(),
        events,
        "warnings alone, and no event of a recording"
    );
    let manifests = published_manifests(&bridge.dir.join("recordings"));
    let manifest = manifests.values().next().expect("a recording");
    assert_eq!(manifest["state"], "finished");
    assert!(service.uninstall());
    assert_eq!(status(), None, "the service is removed");
    assert_eq!(printed(&["reg", "query", EVENT_SOURCE]), None);
    assert!(!service.uninstall(), "there is nothing to remove");
}

/// A telephone that was asked for copies is asked to end them before its line is closed.
#[test]
fn a_service_that_is_stopped_ends_the_copies() {
    if wine::package().is_none() {
        return;
    }
    let script = "line 1 SEP001122334401 1001
info 1 11 id=501 caller=0301234 called=1001
state 1 11 connected
go
until asked
session 1 11 started
";
    let bridge = WindowsBridge::new("mode = automatic\nfork = cisco", script);
    let service = Service::install(&bridge);
    service.start();
    bridge.wait_for_requests("request 20 of 12 bytes on line 1, call 11: 0", 1);
    bridge.continue_script("asked");
    run(&mut wine::tool(&["net", "stop", NAME]));
    until("the service has ended", || {
        bridge.requests().contains("shut down")
    });
    assert!(service.uninstall());
    let requests = bridge.requests();
    let (before, _) = requests.split_once("shut down").unwrap();
    let ending = "request 21 of 8 bytes on line 1, call 11: 1";
    assert!(before.trim_end().ends_with(ending), "{requests}");
    assert_eq!(requests.matches(ending).count(), 1, "{requests}");
}

/// ERROR_BAD_CONFIGURATION
const BAD_CONFIGURATION: &str = "1610";

/// A service that cannot start says why to the system and in the event log.
#[test]
fn a_service_with_a_wrong_configuration_does_not_start() {
    if wine::package().is_none() {
        return;
    }
    let bridge = WindowsBridge::new("colour = red", "");
    let service = Service::install(&bridge);
    // Whether this waits for the end of the start depends on the version of Wine.
    let _ = wine::tool(&["net", "start", NAME]).output().unwrap();
    until("the service has ended", || {
        status().is_some_and(|text| text.contains("STOPPED") && text.contains(BAD_CONFIGURATION))
    });
    let events = bridge.events();
    let event = events.strip_prefix(SOURCE_OPENED).expect("the source").trim_end();
    assert!(event.starts_with("\nerror 1 "), "{event}");
    assert!(
        event.ends_with(r"\bridge.ini, line 4: an unknown key, or a wrong value"),
        "{event}"
    );
    assert!(service.uninstall());
}
