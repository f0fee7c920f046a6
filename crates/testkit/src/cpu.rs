//! CPU time: of this process, of a thread, of the library's threads.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// CPU time, of user and kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    pub user: Duration,
    pub kernel: Duration,
}

impl Cpu {
    /// The time of all threads of this process so far.
    pub fn now() -> Cpu {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage of this process");
        let time = |t: TimeVal| Duration::new(t.tv_sec() as u64, t.tv_usec() as u32 * 1000);
        Cpu {
            user: time(usage.user_time()),
            kernel: time(usage.system_time()),
        }
    }

    pub fn since(self, before: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(before.user),
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }

    pub fn all(self) -> Duration {
        self.user + self.kernel
    }
}

/// CPU time of the calling thread.
#[inline]
pub fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("the clock of this thread")
        .into()
}

/// CPU seconds of the calling thread since `since`, and of the library's running threads, summed by
/// name.
pub fn threads(since: Duration) -> String {
    let caller = thread_cpu().saturating_sub(since).as_secs_f64();
    let mut sums: Vec<(String, f64)> = vec![("caller".to_owned(), caller)];
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let name = read("comm");
        let Some(name) = name.trim().strip_prefix("callrec-") else {
            continue;
        };
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        let ns: f64 = read("schedstat")
            .split(' ')
            .next()
            .and_then(|ns| ns.parse().ok())
            .unwrap_or(0.0);
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += ns / 1e9,
            None => sums.push((name.to_owned(), ns / 1e9)),
        }
    }
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = sums.iter().map(|(name, s)| format!("{name} {s:.2}"));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_uses_time_of_the_thread_and_of_the_process() {
        let (process, thread) = (Cpu::now(), thread_cpu());
        let worked = || thread_cpu() - thread;
        while worked() < Duration::from_millis(20) {
            std::hint::black_box(0);
        }
        let used = Cpu::now().since(process).all();
        assert!(used >= Duration::from_millis(10), "{used:?}");
        assert!(threads(thread).contains("caller 0.0"), "{}", threads(thread));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_of_the_library_are_summed_by_name() {
        let (named, both) = (std::sync::Barrier::new(3), std::sync::Barrier::new(3));
        std::thread::scope(|scope| {
            for n in 0..2 {
                let thread = std::thread::Builder::new().name(format!("callrec-test{n}"));
                let body = || {
                    named.wait();
                    both.wait();
                };
                thread.spawn_scoped(scope, body).unwrap();
            }
            named.wait();
            let text = threads(thread_cpu());
            both.wait();
            assert_eq!(text.matches("test ").count(), 1, "{text}");
        });
    }
}
