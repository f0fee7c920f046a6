//! Finds calls that the host has forgotten, once a second and without holding the lock for all
//! calls.

use std::cmp::Reverse;

use super::idle::{IdleWatch, SLICE};
use super::registry::Registry;

/// Limits the ended calls in the heap: at most this many plus the number of live calls.
const ENDED_MAX: usize = 4096;

impl Registry {
    /// The calls without media since `before`, on the coarse clock.
    pub fn idle_calls(&self, before: u64) -> Vec<u64> {
        let mut watch = self.idle.lock();
        let (new_calls, live) = {
            let mut inner = self.lock();
            (std::mem::take(&mut inner.new_calls), inner.calls.len())
        };
        watch.last_media.extend(new_calls.map(Reverse));
        if watch.last_media.len() > 2 * live + ENDED_MAX {
            self.drop_ended(&mut watch);
        }
        let mut idle = Vec::new();
        loop {
            let mut due = Vec::new();
            while due.len() < SLICE
                && let Some(Reverse((last_ns, number))) = watch.last_media.peek().copied()
                && last_ns < before
            {
                watch.last_media.pop();
                due.push(number);
            }
            if due.is_empty() {
                return idle;
            }
            let mut checked = Vec::with_capacity(due.len());
            let inner = self.lock();
            let known = due.iter().filter_map(|number| inner.calls.get(number));
            checked.extend(known.map(|call| (call.begun_ns.max(call.media.last_media_ns()), call.number)));
            drop(inner);
            for (last_ns, number) in checked {
                if last_ns < before {
                    idle.push(number);
                }
                // Idle calls stay in the heap, because the caller may not end them.
                watch.last_media.push(Reverse((last_ns.max(before), number)));
            }
        }
    }

    /// The end of a call does not remove it from the heap; this does.
    fn drop_ended(&self, watch: &mut IdleWatch) {
        let mut all = std::mem::take(&mut watch.last_media).into_vec();
        let mut remaining = Vec::with_capacity(all.len() / 2);
        while !all.is_empty() {
            let rest = all.split_off(all.len().saturating_sub(SLICE));
            let inner = self.lock();
            let known = |entry: &Reverse<(u64, u64)>| inner.calls.contains_key(&entry.0.1);
            remaining.extend(rest.into_iter().filter(known));
        }
        watch.last_media = remaining.into();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::calls::registry::Limits;
    use crate::calls::{CallInfo, MediaControl};
    use crate::clock::SystemClock;
    use crate::sync::atomic::{AtomicU64, Ordering};
    use crate::text::Text;
    use crate::types::EndReason;

    #[derive(Default)]
    struct FakeMedia {
        at: AtomicU64,
        queries: AtomicU64,
    }

    impl MediaControl for FakeMedia {
        fn set_info(&self, _: &Arc<CallInfo>) {}
        fn pause(&self, _: Uuid) {}
        fn resume(&self, _: Uuid) {}
        fn stop(&self, _: Uuid, _: EndReason) {}
        fn end(&self, _: EndReason) {}
        fn last_media_ns(&self) -> u64 {
            self.queries.fetch_add(1, Ordering::Relaxed);
            self.at.load(Ordering::Relaxed)
        }
    }

    fn begin(registry: &Registry, number: u64) -> Arc<FakeMedia> {
        let media = Arc::new(FakeMedia::default());
        let info = CallInfo {
            call_id: Text::new(&number.to_string()),
            ..CallInfo::default()
        };
        registry.begin(number, info, 0, media.clone()).expect("a call");
        media
    }

    fn idle(registry: &Registry, before: u64) -> Vec<u64> {
        let mut idle = registry.idle_calls(before);
        idle.sort_unstable();
        idle
    }

    #[test]
    fn only_calls_that_may_be_idle_are_checked() {
        let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
        let fakes: Vec<Arc<FakeMedia>> = (0..200).map(|number| begin(&registry, number)).collect();
        let queries = || {
            fakes
                .iter()
                .map(|media| media.queries.load(Ordering::Relaxed))
                .sum::<u64>()
        };
        assert!(idle(&registry, 1).is_empty());
        assert_eq!(queries(), 0, "all calls began later");
        let later = registry.now_ns() + 1_000;
        for media in &fakes[..150] {
            media.at.store(later, Ordering::Relaxed);
        }
        assert_eq!(idle(&registry, later), (150..200).collect::<Vec<u64>>());
        assert_eq!(queries(), 200);
        assert!(idle(&registry, later).is_empty(), "each call is reported once");
        assert_eq!(queries(), 200);
        assert_eq!(idle(&registry, later + 1), (0..200).collect::<Vec<u64>>());
        registry.end(7, EndReason::CallEnded, 0).expect("it is live");
        assert_eq!(idle(&registry, later + 2).len(), 199);
    }

    #[test]
    fn ended_calls_do_not_accumulate() {
        let registry = Registry::new(Limits::default(), false, Arc::new(SystemClock));
        for number in 0..3 * ENDED_MAX as u64 {
            begin(&registry, number);
            if number % 1000 != 0 {
                registry.end(number, EndReason::CallEnded, 0).expect("it is live");
            }
        }
        assert!(idle(&registry, 0).is_empty());
        assert_eq!(registry.idle.lock().last_media.len(), 13);
        assert!(registry.lock().new_calls.is_empty());
    }
}
