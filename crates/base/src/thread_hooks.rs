//! What the host does at the beginning and the end of each thread that callrec makes.

use std::fmt;
use std::sync::Arc;

/// The host's part. Both functions run on the thread itself.
pub trait ThreadObserver: Send + Sync {
    /// The first thing that the thread does.
    fn started(&self, name: &str);
    /// The last thing that the thread does, also after a panic.
    fn ended(&self, name: &str);
}

/// The observer of an engine's threads, if the host has set one.
#[derive(Clone, Default)]
pub struct ThreadHooks(Option<Arc<dyn ThreadObserver>>);

impl ThreadHooks {
    pub fn new(observer: Arc<dyn ThreadObserver>) -> ThreadHooks {
        ThreadHooks(Some(observer))
    }

    /// The present thread begins.
    pub fn started(&self, name: &str) {
        if let Some(observer) = &self.0 {
            observer.started(name);
        }
    }

    /// The present thread ends.
    pub fn ended(&self, name: &str) {
        if let Some(observer) = &self.0 {
            observer.ended(name);
        }
    }

    /// Runs the body of a thread between the two.
    pub fn around(&self, name: &str, body: impl FnOnce()) {
        let Some(observer) = &self.0 else {
            return body();
        };
        observer.started(name);
        let _end = EndOfThread(&**observer, name);
        body();
    }
}

impl fmt::Debug for ThreadHooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "set" } else { "none" })
    }
}

struct EndOfThread<'a>(&'a dyn ThreadObserver, &'a str);

impl Drop for EndOfThread<'_> {
    fn drop(&mut self) {
        self.0.ended(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Mutex, catch_panic};

    #[derive(Default)]
    struct NotedThreads(Mutex<Vec<String>>);

    impl ThreadObserver for NotedThreads {
        fn started(&self, name: &str) {
            self.0.lock().push(format!("started {name}"));
        }

        fn ended(&self, name: &str) {
            self.0.lock().push(format!("ended {name}"));
        }
    }

    #[test]
    fn a_body_that_panics_ends_too() {
        let noted = Arc::new(NotedThreads::default());
        let hooks = ThreadHooks::new(noted.clone());
        hooks.around("one", || noted.0.lock().push("body".to_owned()));
        assert!(catch_panic(|| hooks.around("two", || panic!("planted"))).is_err());
        ThreadHooks::default().around("three", || noted.0.lock().push("unobserved".to_owned()));
        let expected = [
            "started one",
            "body",
            "ended one",
            "started two",
            "ended two",
            "unobserved",
        ];
        assert_eq!(*noted.0.lock(), expected);
    }
}
