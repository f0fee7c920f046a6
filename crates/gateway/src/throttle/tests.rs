use super::*;

const LONGEST: Duration = Duration::from_millis(8000);

fn throttle() -> Arc<Throttle> {
    Throttle::new(1000, LONGEST.as_millis() as u32)
}

fn source(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

/// A try that need not wait.
fn heard(throttle: &Arc<Throttle>, source: IpAddr, name: &str, now: Instant) -> Try {
    let mut attempt = throttle.enter(source, name);
    assert_eq!(attempt.wait_until(now), Ok(None), "{name}");
    attempt
}

fn fail(throttle: &Arc<Throttle>, source: IpAddr, name: &str, now: Instant) {
    throttle.enter(source, name).settle(Outcome::Wrong, now);
}

/// How long a try would wait that is then given up.
fn wait(throttle: &Arc<Throttle>, source: IpAddr, name: &str, now: Instant) -> Result<Duration, TooMany> {
    let at = throttle.enter(source, name).wait_until(now)?;
    Ok(at.map_or(Duration::ZERO, |at| at - now))
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn each_failure_doubles_the_wait_up_to_the_longest() {
    let (throttle, now) = (throttle(), Instant::now());
    for expected in [1, 2, 4, 8, 8] {
        fail(&throttle, source(1), "admin", now);
        assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(expected)));
    }
    let forgiven = now + FORGIVEN;
    assert_eq!(wait(&throttle, source(1), "admin", forgiven), Ok(seconds(0)));
    fail(&throttle, source(1), "admin", forgiven);
    assert_eq!(wait(&throttle, source(1), "admin", forgiven), Ok(seconds(1)));
}

#[test]
fn one_name_at_one_source_is_slowed_and_nobody_else() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, source(1), "admin", now);
    assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(1)));
    assert_eq!(wait(&throttle, source(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, source(2), "admin", now), Ok(seconds(0)));
}

#[test]
fn tries_at_the_same_time_wait_one_behind_the_other_and_none_too_long() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, source(1), "admin", now);
    let mut line: Vec<Try> = (0..9).map(|_| throttle.enter(source(1), "admin")).collect();
    for (place, attempt) in line.iter_mut().enumerate() {
        let expected = match place {
            8 => Err(TooMany),
            place => Ok(Some(now + seconds(place as u64 + 1))),
        };
        assert_eq!(attempt.wait_until(now), expected);
    }
    assert_eq!(line[0].wait_until(now), Ok(None), "who has waited is heard");
}

#[test]
fn who_gives_up_waiting_gives_its_place_back() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, source(1), "admin", now);
    for _ in 0..1000 {
        assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(1)));
    }
}

#[test]
fn the_right_secret_clears_the_slate_of_its_own_name_alone() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, source(1), "admin", now);
    fail(&throttle, source(1), "user1", now);
    throttle.enter(source(1), "user1").settle(Outcome::Right, now);
    assert_eq!(wait(&throttle, source(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(1)));
}

#[test]
fn what_the_host_cannot_say_changes_nothing() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, source(1), "admin", now);
    for _ in 0..100 {
        let mut attempt = throttle.enter(source(1), "admin");
        assert_eq!(attempt.wait_until(now), Ok(Some(now + seconds(1))));
        attempt.settle(Outcome::Open, now);
    }
    assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(1)));
}

#[test]
fn many_names_are_slowed_together_but_for_those_that_were_right_here() {
    let (throttle, now) = (throttle(), Instant::now());
    throttle.enter(source(1), "user1").settle(Outcome::Right, now);
    for number in 0..SPARE {
        let name = format!("name{number}");
        heard(&throttle, source(1), &name, now).settle(Outcome::Wrong, now);
    }
    let price = LONGEST / TOGETHER;
    fail(&throttle, source(1), "one more", now);
    assert_eq!(wait(&throttle, source(1), "another", now), Ok(price));
    assert_eq!(wait(&throttle, source(1), "user1", now), Ok(seconds(0)));
    assert_eq!(wait(&throttle, source(2), "another", now), Ok(seconds(0)));
    // Their line has an end too.
    let mut line: Vec<Try> = (0..6)
        .map(|number| throttle.enter(source(1), format!("{number}")))
        .collect();
    let waits: Vec<_> = line.iter_mut().map(|attempt| attempt.wait_until(now)).collect();
    let at = |place: u32| Ok(Some(now + price * place));
    assert_eq!(waits, [at(1), at(2), at(3), at(4), Err(TooMany), Err(TooMany)]);
    // An own login clears nothing of it.
    throttle.enter(source(1), "user1").settle(Outcome::Right, now);
    assert_eq!(throttle.enter(source(1), "another").wait_until(now), Err(TooMany));
    // What was right is not held against the others.
    for attempt in line {
        attempt.settle(Outcome::Right, now);
    }
    assert_eq!(wait(&throttle, source(1), "another", now), Ok(price));
    assert_eq!(wait(&throttle, source(1), "another", now + price), Ok(seconds(0)));
}

#[test]
fn a_try_that_came_before_the_failure_is_looked_at_again() {
    let (throttle, now) = (throttle(), Instant::now());
    let mut second = heard(&throttle, source(1), "admin", now);
    heard(&throttle, source(1), "admin", now).settle(Outcome::Wrong, now);
    assert_eq!(second.wait_until(now), Ok(Some(now + seconds(1))));
}

#[test]
fn without_a_delay_nobody_waits_and_nothing_is_kept() {
    for (delay, longest) in [(0, 5000), (100, 0)] {
        let (throttle, now) = (Throttle::new(delay, longest), Instant::now());
        for _ in 0..100 {
            fail(&throttle, source(1), "admin", now);
        }
        assert_eq!(wait(&throttle, source(1), "admin", now), Ok(seconds(0)));
        assert!(throttle.slates.lock().names.is_empty());
    }
}

#[test]
fn no_number_of_sources_fills_the_memory_or_hides_who_failed_last() {
    let (throttle, begin) = (Throttle::new(60_000, 60_000), Instant::now());
    let step = Duration::from_micros(1);
    let number_of = 2 * REMEMBERED as u32;
    for number in 0..number_of {
        let now = begin + step * number;
        fail(&throttle, IpAddr::from(number.to_be_bytes()), "admin", now);
        let slates = throttle.slates.lock();
        assert!(slates.names.len() <= REMEMBERED && slates.sources.len() <= REMEMBERED);
    }
    let now = begin + step * number_of;
    for number in number_of - REMEMBERED as u32 / 2..number_of {
        let source = IpAddr::from(number.to_be_bytes());
        assert_ne!(wait(&throttle, source, "admin", now), Ok(seconds(0)), "{number}");
    }
}

#[test]
fn a_customers_network_is_one_source() {
    let (throttle, now) = (throttle(), Instant::now());
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    fail(&throttle, address("2001:db8:1:2::1"), "admin", now);
    let wait = |text: &str| wait(&throttle, address(text), "admin", now);
    assert_eq!(wait("2001:db8:1:2::2"), Ok(seconds(1)));
    assert_eq!(wait("2001:db8:1:3::1"), Ok(seconds(0)));
}
