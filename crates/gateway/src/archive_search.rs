//! Queries on the archive. Each runs on a thread that may wait for the disk. The number of
//! concurrent queries is limited, and a query takes no thread before the first scan has completed.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use uuid::Uuid;

use super::archive_error::ArchiveError;
use callrec_core::storage::archive::{Archive, ArchiveEntry};

/// How long a request waits for the first scan.
const SCAN_WAIT: Duration = Duration::from_secs(5);

/// Runs queries on the archive.
pub struct ArchiveSearch {
    archive: Arc<Archive>,
    permits: Arc<Semaphore>,
    /// True when the first scan has completed.
    scanned: watch::Receiver<bool>,
}

/// The archive as one query sees it.
pub struct CancellableArchive<'a> {
    archive: &'a Archive,
    client_waits: &'a dyn Fn() -> bool,
}

impl Deref for CancellableArchive<'_> {
    type Target = Archive;

    fn deref(&self) -> &Archive {
        self.archive
    }
}

impl CancellableArchive<'_> {
    /// Like [`Archive::select`], but ends early when the client no longer waits.
    pub fn select(
        &self,
        matches: impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        self.archive.select(matches, offset, limit, self.client_waits)
    }
}

impl ArchiveSearch {
    pub fn new(archive: Arc<Archive>, parallel: u32, scanned: watch::Receiver<bool>) -> ArchiveSearch {
        ArchiveSearch {
            archive,
            permits: Arc::new(Semaphore::new(parallel as usize)),
            scanned,
        }
    }

    /// Runs `query`. Waits for the first scan unless the recording `id` is already known. Waits no
    /// longer once `stopped` is true.
    pub async fn run<T: Send + 'static>(
        &self,
        id: Option<Uuid>,
        stopped: watch::Receiver<bool>,
        query: impl FnOnce(&CancellableArchive<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        if !*self.scanned.borrow() && !self.is_known(id, stopped.clone()).await {
            self.wait_for_scan(stopped.clone()).await?;
        }
        self.run_on_thread(stopped, query).await
    }

    async fn is_known(&self, id: Option<Uuid>, stopped: watch::Receiver<bool>) -> bool {
        let Some(id) = id else { return false };
        let found = self.run_on_thread(stopped, move |archive| Ok(archive.find(id)));
        found.await.is_ok()
    }

    async fn wait_for_scan(&self, mut stopped: watch::Receiver<bool>) -> Result<(), ArchiveError> {
        let mut scanned = self.scanned.clone();
        let scan = tokio::time::timeout(SCAN_WAIT, scanned.wait_for(|is_over| *is_over));
        tokio::select! {
            biased;
            scan = scan => match scan {
                Ok(Ok(_)) => Ok(()),
                _ => Err(ArchiveError::NotReady),
            },
            _ = stopped.wait_for(|stopped| *stopped) => Err(ArchiveError::NotReady),
        }
    }

    async fn run_on_thread<T: Send + 'static>(
        &self,
        stopped: watch::Receiver<bool>,
        query: impl FnOnce(&CancellableArchive<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let permit = self.acquire_permit(stopped).await?;
        let archive = self.archive.clone();
        let (sender, result) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let client_waits = || !sender.is_closed();
            if !client_waits() {
                return;
            }
            let found = query(&CancellableArchive {
                archive: &archive,
                client_waits: &client_waits,
            });
            let _ = sender.send(match found {
                Ok(found) => found.ok_or(ArchiveError::NotFound),
                Err(_) => Err(ArchiveError::Failed),
            });
        });
        result.await.unwrap_or(Err(ArchiveError::Failed))
    }

    async fn acquire_permit(
        &self,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<OwnedSemaphorePermit, ArchiveError> {
        tokio::select! {
            biased;
            permit = self.permits.clone().acquire_owned() => permit.map_err(|_| ArchiveError::NotReady),
            _ = stopped.wait_for(|stopped| *stopped) => Err(ArchiveError::NotReady),
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

    struct SearchSetup {
        search: Arc<ArchiveSearch>,
        scanned: watch::Sender<bool>,
        stop: watch::Sender<bool>,
        _dir: tempfile::TempDir,
    }

    impl SearchSetup {
        fn new(parallel: u32) -> SearchSetup {
            let dir = tempfile::tempdir().expect("a directory");
            let root = os::SystemDisk.open_root(dir.path(), false).expect("a directory");
            let archive = Arc::new(Archive::new(root));
            let (scanned, scan_over) = watch::channel(false);
            SearchSetup {
                search: Arc::new(ArchiveSearch::new(archive, parallel, scan_over)),
                scanned,
                stop: watch::Sender::new(false),
                _dir: dir,
            }
        }

        fn run<T: Send + 'static>(
            &self,
            query: impl FnOnce(&CancellableArchive<'_>) -> T + Send + 'static,
        ) -> tokio::task::JoinHandle<Result<T, ArchiveError>> {
            let (search, stopped) = (self.search.clone(), self.stop.subscribe());
            let request = async move {
                search
                    .run(None, stopped, |archive| Ok(Some(query(archive))))
                    .await
            };
            tokio::spawn(request)
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
    fn a_request_that_waits_for_the_scan_takes_no_thread() {
        with_one_thread(async {
            let setup = SearchSetup::new(4);
            let request: Vec<_> = (0..3).map(|number| setup.run(move |_| number)).collect();
            // No query occupies the only blocking thread.
            for _ in 0..10 {
                tokio::task::yield_now().await;
                let other = tokio::task::spawn_blocking(|| 7);
                assert_eq!(other.await.expect("no panic"), 7);
            }
            assert!(request.iter().all(|request| !request.is_finished()));
            setup.scanned.send_replace(true);
            for (number, request) in request.into_iter().enumerate() {
                assert_eq!(request.await.expect("no panic"), Ok(number));
            }
        });
    }

    #[test]
    fn no_request_waits_for_the_scan_after_the_stop() {
        with_one_thread(async {
            let setup = SearchSetup::new(4);
            let request = setup.run(|_| ());
            setup.stop.send_replace(true);
            assert_eq!(request.await.expect("no panic"), Err(ArchiveError::NotReady));
        });
    }

    #[test]
    fn queries_are_limited_and_an_abandoned_query_ends() {
        with_one_thread(async {
            let setup = SearchSetup::new(1);
            setup.scanned.send_replace(true);
            let (sender, receiver) = mpsc::sync_channel(2);
            let abandoned = setup.run(move |archive| {
                let _ = sender.send("begun");
                let deadline = Instant::now() + Duration::from_secs(60);
                while (archive.client_waits)() {
                    assert!(Instant::now() < deadline, "the query does not end");
                    std::thread::yield_now();
                }
                let _ = sender.send("ended");
            });
            assert_eq!(receiver.recv(), Ok("begun"));
            assert_eq!(setup.search.permits.available_permits(), 0);
            let next = setup.run(|_| 7);
            abandoned.abort();
            assert_eq!(next.await.expect("no panic"), Ok(7));
            assert_eq!(receiver.recv(), Ok("ended"));
        });
    }
}
