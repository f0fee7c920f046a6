//! Nodes in network namespaces, which are cut off as a broken cable or a firewall does it: nothing
//! is closed, and nothing arrives.
//!
//! Each test runs again inside a namespace of its own, with Redis and one node. Another node is in
//! a second namespace, at the other end of a virtual cable. All addresses are those that RFC 5737
//! reserves for documentation, and exist only in these namespaces.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::child::child_test;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::child::{ChildNode, ChildPlan};
use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, WATCHER_LEASE};

const HOST: Caller = Caller::Host;
const STOP: ControlOperation = ControlOperation::Stop;
/// No beat notices what is held up.
const LONG_LEASE_MS: u32 = 120_000;
const SHORT_LEASE_MS: u32 = 1500;
const TIMEOUT: Duration = Duration::from_secs(1);

/// What was held up arrives within this time: TCP sends it again after 0.2 s, 0.6 s, 1.4 s, 3 s.
const ARRIVAL: Duration = Duration::from_secs(5);

/// The two ends of the cable: name, address, and hardware address.
const NEAR: [&str; 3] = ["near", "192.0.2.1", "02:00:00:00:00:01"];
const FAR: [&str; 3] = ["far", "192.0.2.2", "02:00:00:00:00:02"];
/// Nobody has this address, so what is sent to it is lost.
const NOBODY: &str = "02:00:00:00:00:99";

fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {args}");
}

/// A namespace, which a process keeps that ends with this one.
struct FarNamespace(Child);

impl FarNamespace {
    /// Creates the namespace, and the cable to it.
    fn new() -> FarNamespace {
        let mut command = Command::new("unshare");
        let keeper = command
            .args(["-n", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let namespace = FarNamespace(keeper.spawn().expect("unshare"));
        let net = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
        let own = net("self").expect("a namespace");
        let id = namespace.0.id().to_string();
        until("the namespace", || net(&id).is_ok_and(|other| other != own));
        ip("link set lo up");
        let ([near, near_address, near_mac], [far, far_address, far_mac]) = (NEAR, FAR);
        ip(&format!(
            "link add {near} address {near_mac} type veth peer name {far} address {far_mac} netns {id}"
        ));
        ip(&format!("addr add {near_address}/24 dev {near}"));
        ip(&format!("link set {near} up"));
        namespace.ip(&format!("addr add {far_address}/24 dev {far}"));
        namespace.ip(&format!("link set {far} up"));
        namespace
    }

    /// Runs `ip` inside.
    fn ip(&self, args: &str) {
        let mut inside = Command::new("nsenter");
        let net = format!("--net=/proc/{}/ns/net", self.0.id());
        let status = inside.args([net.as_str(), "ip"]).args(args.split(' ')).status();
        assert!(status.is_ok_and(|status| status.success()), "ip {args}");
    }

    /// Whether packets to this namespace arrive.
    fn deliver(&self, arrive: bool) {
        let mac = if arrive { FAR[2] } else { NOBODY };
        ip(&neighbor(FAR[1], mac, NEAR[0]));
    }

    /// Whether packets from this namespace arrive.
    fn let_out(&self, arrive: bool) {
        let mac = if arrive { NEAR[2] } else { NOBODY };
        self.ip(&neighbor(NEAR[1], mac, FAR[0]));
    }
}

fn neighbor(address: &str, mac: &str, device: &str) -> String {
    format!("neigh replace {address} lladdr {mac} nud permanent dev {device}")
}

impl Drop for FarNamespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How this user gets a namespace with a virtual cable. `None`: not at all.
fn unshare_option() -> Option<&'static str> {
    ["-n", "-rn"].into_iter().find(|option| {
        let mut command = Command::new("unshare");
        command.args([
            option, "ip", "link", "add", "near", "type", "veth", "peer", "name", "far",
        ]);
        let tried = command.stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

/// Runs an ignored test of this file inside a namespace.
fn run_inside(name: &str) {
    if !has_redis() {
        return;
    }
    let has_ip = Command::new("ip").arg("-V").output().is_ok();
    let needs_tools = std::env::var_os("CALLREC_NEEDS_TOOLS").is_some();
    assert!(has_ip || !needs_tools, "iproute2 is not installed");
    let Some(option) = unshare_option() else {
        eprintln!("no network namespaces here: {name} did not run");
        return;
    };
    let test = child_test(&format!("namespaces::{name}"));
    let mut command = Command::new("unshare");
    command.arg(option).arg(test.get_program()).args(test.get_args());
    let output = command.output().expect("unshare");
    let text = String::from_utf8_lossy(&output.stdout);
    let is_run = output.status.success() && text.contains("1 passed");
    assert!(is_run, "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Redis and a node here, and another node with three recordings at the other end of the cable.
struct DividedCluster {
    near: TestNode,
    far: ChildNode,
    namespace: FarNamespace,
    _server: RedisServer,
    _directory: ScratchDir,
}

impl DividedCluster {
    fn start(lease_ms: u32) -> DividedCluster {
        let namespace = FarNamespace::new();
        let server = RedisServer::start(&["--bind", "0.0.0.0", "--protected-mode", "no"]);
        // It looks for the dead at each renewal, unless nobody is to die.
        let near_keys: &[_] = match lease_ms {
            SHORT_LEASE_MS => &[WATCHER_LEASE],
            _ => &[("cluster.lease_ms", "120000")],
        };
        let near = TestNode::start(&server.url(), "n0", near_keys);
        let directory = ScratchDir::new();
        let far = ChildNode::start(&ChildPlan {
            url: &format!("redis://{}:{}", NEAR[1], server.port),
            name: "n1",
            directory: &directory,
            calls: 3,
            lease_ms,
            grace_ms: 60_000,
            network_of: Some(namespace.0.id()),
        });
        near.wait_for_ids(&far.ids());
        DividedCluster {
            near,
            far,
            namespace,
            _server: server,
            _directory: directory,
        }
    }

    /// While one direction is cut, a stop gets no response; when it arrives after all, it is refused.
    fn check_late_stop(&mut self, cut: fn(&FarNamespace, bool)) {
        let id = self.far.ids[0].clone();
        let recorder = self.near.with_timeout(TIMEOUT);
        // On a busy machine the time may be over before the stop was sent, or the cut may last until the
        // other node has given its connection up. Then nothing arrives late, and the next stop is tried.
        until("a late stop", || {
            cut(&self.namespace, false);
            let stopped = recorder.control_by_id(&HOST, STOP, &id);
            let status = stopped.expect_err("no response arrives").status;
            assert!(
                matches!(status, Status::Timeout | Status::Unavailable),
                "{status:?}"
            );
            cut(&self.namespace, true);
            let end = Instant::now() + ARRIVAL;
            while !self.far.process.has_reported("late ") && Instant::now() < end {
                self.far.process.read_for(Duration::from_millis(50));
            }
            self.far.process.has_reported("late ")
        });
        assert!(self.near.live_ids().contains(&id));
        self.near.stop_when_reachable(&id);
    }
}

#[test]
#[ignore = "runs in a namespace"]
fn inside_without_a_cable() {
    let cluster = DividedCluster::start(SHORT_LEASE_MS);
    let id = cluster.far.ids[0].clone();
    ip("link set near down");
    until("the end of the lease", || cluster.near.live_ids().is_empty());
    let lost = cluster.near.events.wait_for(EventKind::NodeLost, 1);
    assert!(cluster.far.ids.iter().all(|id| lost[0].contains(id)), "{lost:?}");
    let stopped = cluster.near.recorder.control_by_id(&HOST, STOP, &id);
    assert_eq!(stopped.map_err(|error| error.status), Err(Status::Unavailable));
    ip("link set near up");
    cluster.near.wait_for_ids(&cluster.far.ids());
    cluster.near.stop_when_reachable(&id);
    cluster.near.wait_for_ids(&cluster.far.ids()[1..]);
}

#[test]
#[ignore = "runs in a namespace"]
fn inside_with_no_way_to_the_node() {
    DividedCluster::start(LONG_LEASE_MS).check_late_stop(FarNamespace::deliver);
}

#[test]
#[ignore = "runs in a namespace"]
fn inside_with_no_way_from_the_node() {
    DividedCluster::start(LONG_LEASE_MS).check_late_stop(FarNamespace::let_out);
}

#[test]
fn a_node_without_a_cable_is_lost_and_comes_back() {
    run_inside("inside_without_a_cable");
}

#[test]
fn a_stop_that_reaches_a_cut_off_node_late_is_refused() {
    run_inside("inside_with_no_way_to_the_node");
}

#[test]
fn a_node_that_cannot_ask_in_time_refuses_a_stop() {
    run_inside("inside_with_no_way_from_the_node");
}
