//! Questions to the archive: each takes a thread that may wait for the disk, so many at a
//! time, and none while there is nothing to answer yet.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use uuid::Uuid;

use super::missing::Missing;
use callrec_core::storage::archive::{Archive, ArchiveEntry};

/// How long a request waits for the first scan.
const SCAN_WAIT: Duration = Duration::from_secs(5);

/// Where questions are asked.
pub struct Search {
    archive: Arc<Archive>,
    room: Arc<Semaphore>,
    /// Whether the first scan is over.
    scanned: watch::Receiver<bool>,
}

/// The archive, as one question sees it.
pub struct Open<'a> {
    archive: &'a Archive,
    is_awaited: &'a dyn Fn() -> bool,
}

impl Deref for Open<'_> {
    type Target = Archive;

    fn deref(&self) -> &Archive {
        self.archive
    }
}

impl Open<'_> {
    /// As the archive's own; it ends when the client does not wait for it any more.
    pub fn select(
        &self,
        wanted: impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        self.archive.select(wanted, offset, limit, self.is_awaited)
    }
}

impl Search {
    pub fn new(archive: Arc<Archive>, parallel: u32, scanned: watch::Receiver<bool>) -> Search {
        Search {
            archive,
            room: Arc::new(Semaphore::new(parallel as usize)),
            scanned,
        }
    }

    /// Before the first scan is over it is waited for, unless what it is `about` is known
    /// already; but nothing is waited for once it is `stopped`.
    pub async fn ask<T: Send + 'static>(
        &self,
        about: Option<Uuid>,
        stopped: watch::Receiver<bool>,
        ask: impl FnOnce(&Open<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, Missing> {
        if !*self.scanned.borrow() && !self.is_known(about, stopped.clone()).await {
            self.scan_is_over(stopped.clone()).await?;
        }
        self.on_a_thread(stopped, ask).await
    }

    async fn is_known(&self, about: Option<Uuid>, stopped: watch::Receiver<bool>) -> bool {
        let Some(id) = about else { return false };
        let found = self.on_a_thread(stopped, move |archive| Ok(archive.find(id)));
        found.await.is_ok()
    }

    async fn scan_is_over(&self, mut stopped: watch::Receiver<bool>) -> Result<(), Missing> {
        let mut scanned = self.scanned.clone();
        let over = tokio::time::timeout(SCAN_WAIT, scanned.wait_for(|over| *over));
        tokio::select! {
            biased;
            over = over => match over {
                Ok(Ok(_)) => Ok(()),
                _ => Err(Missing::Later),
            },
            _ = stopped.wait_for(|stopped| *stopped) => Err(Missing::Later),
        }
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        stopped: watch::Receiver<bool>,
        ask: impl FnOnce(&Open<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, Missing> {
        let place = self.place(stopped).await?;
        let archive = self.archive.clone();
        let (answer, answered) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let is_awaited = || !answer.is_closed();
            if !is_awaited() {
                return;
            }
            let found = ask(&Open {
                archive: &archive,
                is_awaited: &is_awaited,
            });
            let _ = answer.send(match found {
                Ok(found) => found.ok_or(Missing::Unknown),
                Err(_) => Err(Missing::Broken),
            });
        });
        answered.await.unwrap_or(Err(Missing::Broken))
    }

    async fn place(&self, mut stopped: watch::Receiver<bool>) -> Result<OwnedSemaphorePermit, Missing> {
        tokio::select! {
            biased;
            place = self.room.clone().acquire_owned() => place.map_err(|_| Missing::Later),
            _ = stopped.wait_for(|stopped| *stopped) => Err(Missing::Later),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;
    use callrec_core::storage::disk::Disk;
    use callrec_core::storage::os;

    struct House {
        search: Arc<Search>,
        scanned: watch::Sender<bool>,
        stop: watch::Sender<bool>,
        _dir: tempfile::TempDir,
    }

    impl House {
        fn new(parallel: u32) -> House {
            let dir = tempfile::tempdir().expect("a directory");
            let root = os::SystemDisk.open_root(dir.path(), false).expect("a directory");
            let archive = Arc::new(Archive::new(root));
            let (scanned, over) = watch::channel(false);
            House {
                search: Arc::new(Search::new(archive, parallel, over)),
                scanned,
                stop: watch::Sender::new(false),
                _dir: dir,
            }
        }

        fn ask<T: Send + 'static>(
            &self,
            ask: impl FnOnce(&Open<'_>) -> T + Send + 'static,
        ) -> tokio::task::JoinHandle<Result<T, Missing>> {
            let (search, stopped) = (self.search.clone(), self.stop.subscribe());
            let asked = async move { search.ask(None, stopped, |archive| Ok(Some(ask(archive)))).await };
            tokio::spawn(asked)
        }
    }

    fn with_one_thread(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(test);
    }

    #[test]
    fn who_waits_for_the_scan_takes_no_thread() {
        with_one_thread(async {
            let house = House::new(4);
            let asked: Vec<_> = (0..3).map(|number| house.ask(move |_| number)).collect();
            // None of them has the only thread.
            for _ in 0..10 {
                tokio::task::yield_now().await;
                let other = tokio::task::spawn_blocking(|| 7);
                assert_eq!(other.await.expect("no panic"), 7);
            }
            assert!(asked.iter().all(|asked| !asked.is_finished()));
            house.scanned.send_replace(true);
            for (number, asked) in asked.into_iter().enumerate() {
                assert_eq!(asked.await.expect("no panic"), Ok(number));
            }
        });
    }

    #[test]
    fn once_it_is_stopped_nobody_waits_for_the_scan() {
        with_one_thread(async {
            let house = House::new(4);
            let asked = house.ask(|_| ());
            house.stop.send_replace(true);
            assert_eq!(asked.await.expect("no panic"), Err(Missing::Later));
        });
    }

    #[test]
    fn so_many_ask_at_a_time_and_a_question_that_nobody_waits_for_ends() {
        with_one_thread(async {
            let house = House::new(1);
            house.scanned.send_replace(true);
            let (tell, told) = mpsc::sync_channel(2);
            let left = house.ask(move |archive| {
                let _ = tell.send("begun");
                let deadline = Instant::now() + Duration::from_secs(60);
                while (archive.is_awaited)() {
                    assert!(Instant::now() < deadline, "it goes on for nobody");
                    std::thread::yield_now();
                }
                let _ = tell.send("ended");
            });
            assert_eq!(told.recv(), Ok("begun"));
            assert_eq!(house.search.room.available_permits(), 0);
            let waits = house.ask(|_| 7);
            left.abort();
            assert_eq!(waits.await.expect("no panic"), Ok(7));
            assert_eq!(told.recv(), Ok("ended"));
        });
    }
}
