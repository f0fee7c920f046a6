use super::*;

struct LogFixture {
    dir: tempfile::TempDir,
    lines: Vec<String>,
}

/// A log with a genesis line and four more lines.
fn log() -> (LogFixture, ChainHead) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut head = ChainHead::of_empty_log();
    let operations = ["genesis", "start", "pause", "resume", "stop"];
    let members = operations.map(|operation| format!("\"operation\":\"{operation}\""));
    let lines = members.iter().map(|members| head.seal(members)).collect();
    (LogFixture { dir, lines }, head)
}

impl LogFixture {
    fn check(&self, text: impl AsRef<[u8]>, known: Option<&ChainHead>) -> Result<AuditReport> {
        let control = self.dir.path().join(".callrec");
        fs::create_dir_all(&control).expect("a directory");
        fs::write(control.join(FILE), text).expect("a file");
        verify(self.dir.path(), known)
    }

    fn text(&self) -> String {
        self.lines.concat()
    }
}

fn assert_altered(result: Result<AuditReport>, what: &str) -> String {
    let error = result.expect_err(what);
    assert_eq!(error.status, Status::Audit, "{what}: {}", error.message);
    error.message
}

#[test]
fn an_unchanged_log_passes() {
    let (log, head) = log();
    let report = log.check(log.text(), Some(&head)).expect("in order");
    assert_eq!((report.head, report.after_known), (head, 0));
    assert_eq!(
        (report.unfinished, report.unfinished_bytes, report.dropped),
        (0, 0, 0)
    );
}

#[test]
fn a_change_of_any_byte_is_detected() {
    let (log, head) = log();
    let text = log.text().into_bytes();
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        // A changed last line may look incomplete, so only the known head reveals the change.
        assert_altered(log.check(&changed, Some(&head)), &format!("byte {at}"));
        let last_line = at + log.lines[4].len() >= text.len();
        if !last_line {
            assert_altered(log.check(&changed, None), &format!("byte {at}"));
        }
    }
}

#[test]
fn removed_moved_and_repeated_lines_are_detected() {
    let (log, _) = log();
    for at in 0..4 {
        let mut lines = log.lines.clone();
        lines.remove(at);
        assert_altered(log.check(lines.concat(), None), &format!("without line {at}"));
        let mut lines = log.lines.clone();
        lines.swap(at, at + 1);
        assert_altered(log.check(lines.concat(), None), &format!("line {at} moved"));
        let mut lines = log.lines.clone();
        lines.insert(at, log.lines[at].clone());
        assert_altered(log.check(lines.concat(), None), &format!("line {at} twice"));
    }
    assert_altered(log.check(format!("\n{}", log.text()), None), "an empty line");
    assert_altered(
        log.check(format!("{}{{}}\n{}", log.lines[0], log.lines[1]), None),
        "an inserted line",
    );
}

#[test]
fn a_known_head_reveals_a_truncated_log() {
    let (log, head) = log();
    for kept in 0..5 {
        let text = log.lines[..kept].concat();
        let report = log.check(&text, None).expect("a valid shorter log");
        assert_eq!(report.head.sequence, kept as u64);
        assert_altered(log.check(&text, Some(&head)), &format!("{kept} lines kept"));
    }
    fs::remove_file(log.dir.path().join(".callrec").join(FILE)).expect("the file exists");
    assert_eq!(
        verify(log.dir.path(), None).expect("no line yet").head,
        ChainHead::of_empty_log()
    );
    assert_altered(verify(log.dir.path(), Some(&head)), "removed");
}

#[test]
fn a_forged_line_is_detected_or_comes_after_the_known_head() {
    let (log, head) = log();
    let forged = log.lines[4].replace("\"seq\":5", "\"seq\":6");
    assert_altered(log.check(log.text() + &forged, None), "an old hash");
    let mut end = head.clone();
    let forged = end.seal("\"operation\":\"stop\"");
    let report = log.check(log.text() + &forged, Some(&head)).expect("a chain");
    assert_eq!((report.after_known, report.head), (1, end));
    // The whole log is rewritten.
    let mut rewritten = ChainHead::of_empty_log();
    let operations = ["genesis", "start", "stop", "stop", "stop", "stop"];
    let lines = operations.map(|operation| rewritten.seal(&format!("\"operation\":\"{operation}\"")));
    log.check(lines.concat(), None).expect("a valid chain");
    assert_altered(log.check(lines.concat(), Some(&head)), "a rewritten log");
}

#[test]
fn a_log_begins_with_exactly_one_genesis_line() {
    let (log, _) = log();
    let mut head = ChainHead::of_empty_log();
    assert_altered(
        log.check(head.seal("\"operation\":\"start\""), None),
        "no genesis",
    );
    let mut head = ChainHead::of_empty_log();
    let twice = [(); 2].map(|()| head.seal("\"operation\":\"genesis\""));
    assert_altered(log.check(twice.concat(), None), "two genesis lines");
}

#[test]
fn an_incomplete_line_is_accepted_only_at_the_end() {
    let (log, head) = log();
    let text = log.text();
    let whole = text.len() - log.lines[4].len();
    for length in whole + 1..text.len() {
        let report = log.check(&text[..length], None).expect("a process died");
        assert_eq!(report.unfinished_bytes, (length - whole) as u64);
        assert_eq!(report.head.sequence, 4);
    }
    let torn = format!("{}{}\n{}", log.lines[0], &log.lines[1][..40], log.lines[1]);
    let message = assert_altered(log.check(torn, None), "no line accounts for it");
    assert!(message.contains("line 2"), "{message}");
    drop(head);
}

#[test]
fn a_line_accounts_for_the_exact_bytes_of_an_unfinished_one() {
    let (log, _) = log();
    let mut head = ChainHead::of_empty_log();
    let genesis = head.seal("\"operation\":\"genesis\"");
    let torn = "{\"seq\":2,\"pre";
    let account = |bytes: usize, text: &str| {
        let sha256 = super::super::chain::hash_of(text.as_bytes());
        format!("\"operation\":\"unfinished\",\"bytes\":{bytes},\"sha256\":\"{sha256}\"")
    };
    let with = |members: &str| {
        let mut head = head.clone();
        format!("{genesis}{torn}\n{}", head.seal(members))
    };
    let report = log
        .check(with(&account(torn.len(), torn)), None)
        .expect("accounted for");
    assert_eq!((report.unfinished, report.head.sequence), (1, 2));
    assert_altered(
        log.check(with(&account(torn.len() + 1, torn)), None),
        "its length",
    );
    assert_altered(log.check(with(&account(torn.len(), "else")), None), "its bytes");
    // Two unfinished lines in a row.
    let both = format!("{torn}\n{torn}");
    let text = format!(
        "{genesis}{both}\n{}",
        head.clone().seal(&account(both.len(), &both))
    );
    assert_eq!(log.check(text, None).expect("accounted for").unfinished, 2);
}

#[test]
fn dropped_lines_are_counted() {
    let (log, mut head) = log();
    let dropped = head.seal("\"operation\":\"dropped\",\"lines\":7");
    assert_eq!(
        log.check(log.text() + &dropped, None).expect("in order").dropped,
        7
    );
}

#[test]
fn a_missing_directory_is_an_io_error() {
    let (log, _) = log();
    let missing = log.dir.path().join("missing");
    assert_eq!(
        verify(&missing, None).map_err(|error| error.status),
        Err(Status::Io)
    );
}
