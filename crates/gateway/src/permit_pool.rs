//! Limits concurrency, both in total and per client, so that no client takes all the capacity.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use callrec_core::sync::Mutex;

/// A pool of permits.
pub struct PermitPool {
    all: Arc<Semaphore>,
    per_client: usize,
    /// One semaphore for each client that holds or awaits a permit.
    clients: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// One permit, returned to the pool when dropped.
pub struct PoolPermit {
    pool: Arc<PermitPool>,
    /// `None` if the limit per client does not apply.
    client: Option<(IpAddr, Arc<Semaphore>)>,
    own: Option<OwnedSemaphorePermit>,
    all: Option<OwnedSemaphorePermit>,
}

impl PermitPool {
    pub fn new(all: usize, per_client: usize) -> Arc<PermitPool> {
        Arc::new(PermitPool {
            all: Arc::new(Semaphore::new(all)),
            per_client,
            clients: Mutex::default(),
        })
    }

    /// Waits for a permit, in order of arrival.
    pub async fn acquire(self: &Arc<Self>, client: IpAddr) -> PoolPermit {
        let mut permit = self.empty_permit(Some(client));
        if let Some((_, own)) = &permit.client {
            permit.own = own.clone().acquire_owned().await.ok();
        }
        permit.all = self.all.clone().acquire_owned().await.ok();
        permit
    }

    /// Returns a permit if one is free.
    pub fn try_acquire(self: &Arc<Self>, client: Option<IpAddr>) -> Option<PoolPermit> {
        let mut permit = self.empty_permit(client);
        if let Some((_, own)) = &permit.client {
            permit.own = Some(own.clone().try_acquire_owned().ok()?);
        }
        permit.all = Some(self.all.clone().try_acquire_owned().ok()?);
        Some(permit)
    }

    /// Acquiring fills in an existing permit, so that a cancelled wait cleans up through `Drop`.
    fn empty_permit(self: &Arc<Self>, client: Option<IpAddr>) -> PoolPermit {
        let client = client.map(|client| {
            let mut clients = self.clients.lock();
            let own = clients
                .entry(client)
                .or_insert_with(|| Arc::new(Semaphore::new(self.per_client)));
            (client, own.clone())
        });
        PoolPermit {
            pool: self.clone(),
            client,
            own: None,
            all: None,
        }
    }
}

impl Drop for PoolPermit {
    fn drop(&mut self) {
        // The semaphore permits also hold references to the semaphore.
        self.own = None;
        self.all = None;
        let Some((client, own)) = self.client.take() else {
            return;
        };
        let mut clients = self.pool.clients.lock();
        // Only the table and this permit refer to it: the client has no other.
        if Arc::strong_count(&own) == 2 {
            clients.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const OTHER_CLIENT: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn one_client_cannot_take_every_permit() {
        let pool = PermitPool::new(3, 2);
        let held: Vec<PoolPermit> = (0..2).filter_map(|_| pool.try_acquire(CLIENT)).collect();
        assert_eq!(held.len(), 2);
        assert!(pool.try_acquire(CLIENT).is_none(), "the limit per client is two");
        let other = pool.try_acquire(OTHER_CLIENT);
        assert!(other.is_some());
        assert!(pool.try_acquire(None).is_none(), "the total limit is three");
        drop(held);
        assert!(pool.try_acquire(CLIENT).is_some() && pool.try_acquire(None).is_some());
    }

    #[test]
    fn an_exempt_client_may_take_every_permit() {
        let pool = PermitPool::new(3, 1);
        let held: Vec<PoolPermit> = (0..3).filter_map(|_| pool.try_acquire(None)).collect();
        assert_eq!(held.len(), 3);
    }

    #[tokio::test]
    async fn a_waiter_gets_the_next_permit_and_a_cancelled_one_leaves_no_entry() {
        let pool = PermitPool::new(4, 1);
        let client = IpAddr::from([10, 0, 0, 1]);
        let held = pool.acquire(client).await;
        let mut cancelled = Box::pin(pool.acquire(client));
        let mut next = Box::pin(pool.acquire(client));
        for waiting in [&mut cancelled, &mut next] {
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context)));
            assert!(polled.await.is_pending());
        }
        drop(cancelled);
        drop(held);
        drop(next.await);
        assert!(pool.clients.lock().is_empty(), "idle clients have no entry");
        assert_eq!(pool.all.available_permits(), 4);
    }
}
