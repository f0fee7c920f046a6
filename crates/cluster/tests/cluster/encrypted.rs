//! TLS: the server's certificate is checked, and the node shows its own.

use callrec_core::events::EventKind;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::redis_server::free_port;

use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, call};

/// A certificate for 127.0.0.1 and its key, as files. It signs itself.
fn certificate(directory: &ScratchDir, name: &str) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let file = |kind: &str, pem: String| {
        let path = directory.join(format!("{name}.{kind}"));
        std::fs::write(&path, pem).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    [
        file("crt", made.cert.pem()),
        file("key", made.signing_key.serialize_pem()),
    ]
}

#[test]
fn a_node_connects_by_tls_and_both_sides_are_checked() {
    if !has_redis() {
        return;
    }
    let directory = ScratchDir::new();
    let [cert, key] = certificate(&directory, "server");
    let [other, _] = certificate(&directory, "other");
    let port = free_port();
    let options = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
    ];
    let options = [
        &options[..],
        &["--tls-ca-cert-file", &cert, "--tls-auth-clients", "yes"],
    ]
    .concat();
    let _server = RedisServer::start(&options);
    let url = format!("rediss://127.0.0.1:{port}");
    let own = [
        ("cluster.cert_file", cert.as_str()),
        ("cluster.key_file", key.as_str()),
    ];
    let node = |name: &str, ca: &str, own: &[(&str, &str)]| {
        let keys = [&[("cluster.ca_file", ca)], own].concat();
        TestNode::start(&url, name, &keys)
    };
    let n1 = node("n1", &cert, &own);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.wait_for_ids(&[&a]);
    // The server has a certificate that this node does not trust.
    let distrusting = node("n2", &other, &own);
    let lost = distrusting.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("certificate"), "{lost:?}");
    // The server lets nobody in who has no certificate.
    let nameless = node("n3", &cert, &[]);
    nameless.events.wait_for(EventKind::ClusterLost, 1);
    assert_eq!(n1.live_ids(), [a]);
}
