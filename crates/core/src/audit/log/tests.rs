use super::*;

fn tail(text: &str) -> FileTail {
    FileTail {
        length: text.len() as u64,
        bytes: text.as_bytes().to_vec(),
    }
}

/// Two lines, and the head behind each.
fn lines() -> [(String, Head); 2] {
    let mut head = Head::before_all();
    ["\"operation\":\"genesis\"", "\"operation\":\"stop\""].map(|members| {
        let line = head.seal(members);
        (line, head.clone())
    })
}

#[test]
fn each_end_that_a_dead_process_may_leave_is_found() {
    let [(first, after_first), (second, after_second)] = lines();
    for length in 0..second.len() {
        let (found, is_altered) = FoundEnd::of(tail(&format!("{first}{}", &second[..length])));
        assert!(!is_altered, "{length}");
        // All but the newline is a whole line.
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
        let (found, is_altered) = FoundEnd::of(tail(&first[..length]));
        assert!(!is_altered);
        assert_eq!((found.head.sequence, found.unfinished.len()), (0, length));
    }
}

#[test]
fn an_end_that_was_changed_is_not_taken_for_one_that_was_left() {
    let [(first, after_first), (second, _)] = lines();
    let changed = second.replace("stop", "Stop");
    let (found, is_altered) = FoundEnd::of(tail(&format!("{first}{changed}")));
    assert!(is_altered);
    assert_eq!((found.head, found.unfinished.len()), (after_first, 0));
    let foreign = FileTail {
        length: TAIL_BYTES + 5,
        bytes: b"text\n".to_vec(),
    };
    assert!(FoundEnd::of(foreign).1);
}

#[test]
fn what_the_queue_cannot_hold_is_counted_and_told_last() {
    let mut queue = LineQueue::default();
    let long = "x".repeat(QUEUE_BYTES / 4);
    for _ in 0..6 {
        queue.push(long.clone());
    }
    assert_eq!(
        (queue.lines.len(), queue.dropped, queue.dropped_in_all),
        (4, 2, 2)
    );
    let batches: Vec<Batch> = std::iter::from_fn(|| queue.take_batch(Instant::now(), false)).collect();
    let told: Vec<(u64, u64)> = batches
        .iter()
        .map(|batch| (batch.count(), batch.dropped))
        .collect();
    assert_eq!(told, [(1, 0), (1, 0), (1, 0), (1, 2)]);
    assert_eq!((queue.bytes, queue.taken), (0, 4));
}

#[test]
fn only_so_many_refused_logins_are_noted() {
    let mut queue = LineQueue::default();
    let start = 3600 * NS_PER_S;
    let noted = |queue: &mut LineQueue, now_ns: u64| {
        (0..10_000).filter(|_| queue.may_note_login(now_ns)).count() as u64
    };
    assert_eq!(noted(&mut queue, start), LOGINS_AT_ONCE);
    assert_eq!(noted(&mut queue, start), 0);
    assert_eq!(noted(&mut queue, start + NS_PER_S), LOGINS_PER_SECOND);
    assert_eq!(noted(&mut queue, 2 * start), LOGINS_AT_ONCE);
}

/// Otherwise each login that is not noted would have a line that says so.
#[test]
fn refused_logins_that_are_not_noted_share_a_line() {
    let mut queue = LineQueue::default();
    let start = Instant::now();
    let told = |queue: &mut LineQueue, now: Instant, is_ending: bool| {
        queue.drop_line();
        queue.take_batch(now, is_ending).map(|batch| batch.dropped)
    };
    assert_eq!(told(&mut queue, start, false), Some(1));
    for _ in 0..100 {
        assert_eq!(told(&mut queue, start + TELL_DROPPED / 2, false), None);
    }
    assert_eq!(queue.tell_dropped_at(), Some(start + TELL_DROPPED));
    assert_eq!(told(&mut queue, start + TELL_DROPPED, false), Some(101));
    assert_eq!(told(&mut queue, start + TELL_DROPPED, true), Some(1));
    assert_eq!(queue.tell_dropped_at(), None);
    queue.push("line".to_owned());
    queue.drop_line();
    let batch = queue.take_batch(start + TELL_DROPPED, false).expect("a line");
    assert_eq!((batch.count(), batch.dropped), (1, 0));
}
