use super::*;

fn tail(text: &str) -> FileTail {
    FileTail {
        length: text.len() as u64,
        bytes: text.as_bytes().to_vec(),
    }
}

/// Two lines, and the head after each.
fn lines() -> [(String, ChainHead); 2] {
    let mut head = ChainHead::of_empty_log();
    ["\"operation\":\"genesis\"", "\"operation\":\"stop\""].map(|members| {
        let line = head.seal(members);
        (line, head.clone())
    })
}

#[test]
fn every_end_that_a_killed_process_can_leave_is_recognized() {
    let [(first, after_first), (second, after_second)] = lines();
    for length in 0..second.len() {
        let (found, is_altered) = LogEnd::of(tail(&format!("{first}{}", &second[..length])));
        assert!(!is_altered, "{length}");
        // A complete line that lacks only its newline.
        if length + 1 == second.len() {
            assert!(found.needs_newline && found.unfinished.is_empty());
            assert_eq!(found.head, after_second);
            continue;
        }
        assert!(!found.needs_newline);
        assert_eq!(found.head, after_first, "{length}");
        assert_eq!(found.unfinished, &second.as_bytes()[..length]);
    }
    for length in 0..first.len() - 1 {
        let (found, is_altered) = LogEnd::of(tail(&first[..length]));
        assert!(!is_altered);
        assert_eq!((found.head.sequence, found.unfinished.len()), (0, length));
    }
}

#[test]
fn a_changed_end_is_not_mistaken_for_an_unfinished_line() {
    let [(first, after_first), (second, _)] = lines();
    let changed = second.replace("stop", "Stop");
    let (found, is_altered) = LogEnd::of(tail(&format!("{first}{changed}")));
    assert!(is_altered);
    assert_eq!((found.head, found.unfinished.len()), (after_first, 0));
    let foreign = FileTail {
        length: TAIL_BYTES + 5,
        bytes: b"text\n".to_vec(),
    };
    assert!(LogEnd::of(foreign).1);
}
