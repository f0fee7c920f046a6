//! Between the store, which keeps the callbacks that are owed, and whoever delivers
//! them.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::Engine;
use crate::storage::Owed;
use crate::sync::Mutex;

/// `Some`: one more is owed; `None`: all that are owed are yours from now on. Must not wait.
pub type Postman = Arc<dyn Fn(Option<Uuid>) + Send + Sync>;

/// Of several postmen the first one delivers; the next takes over when it has left.
#[derive(Default)]
pub struct Postbox {
    postmen: Mutex<Postmen>,
}

#[derive(Default)]
struct Postmen {
    last: u64,
    known: Vec<(u64, Postman)>,
}

impl Postbox {
    pub fn owed(&self, id: Uuid) {
        let first = self.first();
        if let Some((_, postman)) = first {
            postman(Some(id));
        }
    }

    fn first(&self) -> Option<(u64, Postman)> {
        self.postmen.lock().known.first().cloned()
    }

    fn attach(&self, postman: Postman) -> u64 {
        let mut postmen = self.postmen.lock();
        postmen.last += 1;
        let number = postmen.last;
        postmen.known.push((number, postman.clone()));
        let is_first = postmen.known.len() == 1;
        drop(postmen);
        if is_first {
            postman(None);
        }
        number
    }

    fn detach(&self, number: u64) {
        let before = self.first();
        self.postmen.lock().known.retain(|(known, _)| *known != number);
        if before.is_some_and(|(first, _)| first == number)
            && let Some((_, next)) = self.first()
        {
            next(None);
        }
    }
}

impl Engine {
    /// Answers the number to leave by.
    pub fn attach_postman(&self, postman: Postman) -> u64 {
        self.desk.postbox.attach(postman)
    }

    pub fn detach_postman(&self, number: u64) {
        self.desk.postbox.detach(number);
    }

    /// All callbacks that are owed. Waits for the disk, as the next two do.
    pub fn owed_callbacks(&self) -> io::Result<Vec<Uuid>> {
        self.store.owed_callbacks()
    }

    pub fn owed_callback(&self, id: Uuid) -> io::Result<Option<Owed>> {
        self.store.owed_callback(id)
    }

    /// It was answered, or is given up.
    pub fn callback_done(&self, id: Uuid) -> io::Result<()> {
        self.store.callback_done(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_postman_at_a_time_and_the_next_takes_over() {
        let postbox = Postbox::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let postman = |name: &'static str| -> Postman {
            let heard = heard.clone();
            Arc::new(move |id| heard.lock().push((name, id)))
        };
        let id = Uuid::from_u128(7);
        postbox.owed(id);
        let first = postbox.attach(postman("first"));
        let second = postbox.attach(postman("second"));
        postbox.owed(id);
        postbox.detach(first);
        postbox.owed(id);
        postbox.detach(second);
        postbox.owed(id);
        let expected = [
            ("first", None),
            ("first", Some(id)),
            ("second", None),
            ("second", Some(id)),
        ];
        assert_eq!(*heard.lock(), expected);
    }
}
