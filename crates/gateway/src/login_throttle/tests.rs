use super::*;

const MAX_DELAY: Duration = Duration::from_millis(8000);

fn throttle() -> Arc<LoginThrottle> {
    LoginThrottle::new(1000, MAX_DELAY.as_millis() as u32)
}

fn client(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

/// An attempt that need not wait.
fn immediate_attempt(
    throttle: &Arc<LoginThrottle>,
    client: IpAddr,
    name: &str,
    now: Instant,
) -> LoginAttempt {
    let mut attempt = throttle.begin_attempt(client, name);
    assert_eq!(attempt.wait_until(now), Ok(None), "{name}");
    attempt
}

fn fail(throttle: &Arc<LoginThrottle>, client: IpAddr, name: &str, now: Instant) {
    throttle
        .begin_attempt(client, name)
        .finish(LoginOutcome::Rejected, now);
}

/// How long an attempt would wait; the attempt is then cancelled.
fn wait(
    throttle: &Arc<LoginThrottle>,
    client: IpAddr,
    name: &str,
    now: Instant,
) -> Result<Duration, TooManyAttempts> {
    let at = throttle.begin_attempt(client, name).wait_until(now)?;
    Ok(at.map_or(Duration::ZERO, |at| at - now))
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn each_failure_doubles_the_delay_up_to_the_longest() {
    let (throttle, now) = (throttle(), Instant::now());
    for expected in [1, 2, 4, 8, 8] {
        fail(&throttle, client(1), "admin", now);
        assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(expected)));
    }
    let forgiven = now + FORGET_AFTER;
    assert_eq!(wait(&throttle, client(1), "admin", forgiven), Ok(seconds(0)));
    fail(&throttle, client(1), "admin", forgiven);
    assert_eq!(wait(&throttle, client(1), "admin", forgiven), Ok(seconds(1)));
}

#[test]
fn only_the_failed_name_of_the_same_client_is_delayed() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, client(1), "admin", now);
    assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(1)));
    assert_eq!(wait(&throttle, client(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, client(2), "admin", now), Ok(seconds(0)));
}

#[test]
fn concurrent_attempts_are_queued_up_to_the_longest_delay() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, client(1), "admin", now);
    let mut queue: Vec<LoginAttempt> = (0..9)
        .map(|_| throttle.begin_attempt(client(1), "admin"))
        .collect();
    for (position, attempt) in queue.iter_mut().enumerate() {
        let expected = match position {
            8 => Err(TooManyAttempts),
            position => Ok(Some(now + seconds(position as u64 + 1))),
        };
        assert_eq!(attempt.wait_until(now), expected);
    }
    assert_eq!(
        queue[0].wait_until(now),
        Ok(None),
        "an attempt that has waited proceeds"
    );
}

#[test]
fn a_cancelled_attempt_frees_its_position() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, client(1), "admin", now);
    for _ in 0..1000 {
        assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(1)));
    }
}

#[test]
fn a_successful_login_resets_only_its_own_name() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, client(1), "admin", now);
    fail(&throttle, client(1), "user1", now);
    throttle
        .begin_attempt(client(1), "user1")
        .finish(LoginOutcome::Accepted, now);
    assert_eq!(wait(&throttle, client(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(1)));
}

#[test]
fn an_undecided_attempt_changes_nothing() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, client(1), "admin", now);
    for _ in 0..100 {
        let mut attempt = throttle.begin_attempt(client(1), "admin");
        assert_eq!(attempt.wait_until(now), Ok(Some(now + seconds(1))));
        attempt.finish(LoginOutcome::Undecided, now);
    }
    assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(1)));
}

#[test]
fn many_names_are_delayed_together_except_those_that_have_succeeded() {
    let (throttle, now) = (throttle(), Instant::now());
    throttle
        .begin_attempt(client(1), "user1")
        .finish(LoginOutcome::Accepted, now);
    for number in 0..FREE_FAILURES {
        let name = format!("name{number}");
        immediate_attempt(&throttle, client(1), &name, now).finish(LoginOutcome::Rejected, now);
    }
    let cost = MAX_DELAY / ATTEMPTS_PER_DELAY;
    fail(&throttle, client(1), "one more", now);
    assert_eq!(wait(&throttle, client(1), "another", now), Ok(cost));
    assert_eq!(wait(&throttle, client(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, client(2), "another", now), Ok(seconds(0)));
    // The common queue is limited too.
    let mut queue: Vec<LoginAttempt> = (0..6)
        .map(|number| throttle.begin_attempt(client(1), format!("{number}")))
        .collect();
    let waits: Vec<_> = queue.iter_mut().map(|attempt| attempt.wait_until(now)).collect();
    let at = |position: u32| Ok(Some(now + cost * position));
    assert_eq!(
        waits,
        [
            at(1),
            at(2),
            at(3),
            at(4),
            Err(TooManyAttempts),
            Err(TooManyAttempts)
        ]
    );
    // A successful login of one name does not reset it.
    throttle
        .begin_attempt(client(1), "user1")
        .finish(LoginOutcome::Accepted, now);
    assert_eq!(
        throttle.begin_attempt(client(1), "another").wait_until(now),
        Err(TooManyAttempts)
    );
    // Successful attempts do not count against the others.
    for attempt in queue {
        attempt.finish(LoginOutcome::Accepted, now);
    }
    assert_eq!(wait(&throttle, client(1), "another", now), Ok(cost));
    assert_eq!(wait(&throttle, client(1), "another", now + cost), Ok(seconds(0)));
}

#[test]
fn an_attempt_made_before_the_failure_is_checked_again() {
    let (throttle, now) = (throttle(), Instant::now());
    let mut second = immediate_attempt(&throttle, client(1), "admin", now);
    immediate_attempt(&throttle, client(1), "admin", now).finish(LoginOutcome::Rejected, now);
    assert_eq!(second.wait_until(now), Ok(Some(now + seconds(1))));
}

#[test]
fn a_delay_of_zero_turns_the_throttle_off() {
    for (delay, max_delay) in [(0, 5000), (100, 0)] {
        let (throttle, now) = (LoginThrottle::new(delay, max_delay), Instant::now());
        for _ in 0..100 {
            fail(&throttle, client(1), "admin", now);
        }
        assert_eq!(wait(&throttle, client(1), "admin", now), Ok(seconds(0)));
        assert!(throttle.records.lock().names.is_empty());
    }
}

#[test]
fn the_number_of_records_is_bounded_and_the_latest_failures_are_kept() {
    let (throttle, begin) = (LoginThrottle::new(60_000, 60_000), Instant::now());
    let step = Duration::from_micros(1);
    let number_of = 2 * RECORDS_MAX as u32;
    for number in 0..number_of {
        let now = begin + step * number;
        fail(&throttle, IpAddr::from(number.to_be_bytes()), "admin", now);
        let records = throttle.records.lock();
        assert!(records.names.len() <= RECORDS_MAX && records.clients.len() <= RECORDS_MAX);
    }
    let now = begin + step * number_of;
    for number in number_of - RECORDS_MAX as u32 / 2..number_of {
        let client = IpAddr::from(number.to_be_bytes());
        assert_ne!(wait(&throttle, client, "admin", now), Ok(seconds(0)), "{number}");
    }
}

#[test]
fn an_ipv6_network_is_one_client() {
    let (throttle, now) = (throttle(), Instant::now());
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    fail(&throttle, address("2001:db8:1:2::1"), "admin", now);
    let wait = |text: &str| wait(&throttle, address(text), "admin", now);
    assert_eq!(wait("2001:db8:1:2::2"), Ok(seconds(1)));
    assert_eq!(wait("2001:db8:1:3::1"), Ok(seconds(0)));
}
