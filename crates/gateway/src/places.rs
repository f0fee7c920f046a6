//! So many at a time in all, and so many of one source: no source takes what is there for
//! everybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use callrec_core::sync::Mutex;

/// All the places that there are.
pub struct Places {
    all: Arc<Semaphore>,
    of_one: usize,
    /// Of those sources that have a place, or wait for one.
    sources: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// One of them, until it is dropped.
pub struct Place {
    places: Arc<Places>,
    /// `None`: of one whom the limit of a source does not concern.
    source: Option<(IpAddr, Arc<Semaphore>)>,
    own: Option<OwnedSemaphorePermit>,
    all: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub fn new(all: usize, of_one: usize) -> Arc<Places> {
        Arc::new(Places {
            all: Arc::new(Semaphore::new(all)),
            of_one,
            sources: Mutex::default(),
        })
    }

    /// A place, in the order of coming.
    pub async fn take(self: &Arc<Self>, source: IpAddr) -> Place {
        let mut place = self.none_yet(Some(source));
        if let Some((_, own)) = &place.source {
            place.own = own.clone().acquire_owned().await.ok();
        }
        place.all = self.all.clone().acquire_owned().await.ok();
        place
    }

    /// A place if one is free.
    pub fn try_take(self: &Arc<Self>, source: Option<IpAddr>) -> Option<Place> {
        let mut place = self.none_yet(source);
        if let Some((_, own)) = &place.source {
            place.own = Some(own.clone().try_acquire_owned().ok()?);
        }
        place.all = Some(self.all.clone().try_acquire_owned().ok()?);
        Some(place)
    }

    /// It waits inside of what it waits for, so that who gives up waiting leaves nothing.
    fn none_yet(self: &Arc<Self>, source: Option<IpAddr>) -> Place {
        let source = source.map(|source| {
            let mut sources = self.sources.lock();
            let own = sources
                .entry(source)
                .or_insert_with(|| Arc::new(Semaphore::new(self.of_one)));
            (source, own.clone())
        });
        Place {
            places: self.clone(),
            source,
            own: None,
            all: None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // They hold the semaphore too.
        self.own = None;
        self.all = None;
        let Some((source, own)) = self.source.take() else {
            return;
        };
        let mut sources = self.places.sources.lock();
        // The table's own and this one: nobody else of that source is here.
        if Arc::strong_count(&own) == 2 {
            sources.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn one_source_leaves_places_to_the_others() {
        let places = Places::new(3, 2);
        let held: Vec<Place> = (0..2).filter_map(|_| places.try_take(ONE)).collect();
        assert_eq!(held.len(), 2);
        assert!(places.try_take(ONE).is_none(), "a third of one source");
        let other = places.try_take(OTHER);
        assert!(other.is_some());
        assert!(places.try_take(None).is_none(), "there are three in all");
        drop(held);
        assert!(places.try_take(ONE).is_some() && places.try_take(None).is_some());
    }

    #[test]
    fn no_limit_of_a_source_holds_for_who_is_exempt() {
        let places = Places::new(3, 1);
        let held: Vec<Place> = (0..3).filter_map(|_| places.try_take(None)).collect();
        assert_eq!(held.len(), 3);
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_place_and_who_gives_up_leaves_nothing() {
        let places = Places::new(4, 1);
        let source = IpAddr::from([10, 0, 0, 1]);
        let held = places.take(source).await;
        let mut gives_up = Box::pin(places.take(source));
        let mut waits = Box::pin(places.take(source));
        for waiting in [&mut gives_up, &mut waits] {
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context)));
            assert!(polled.await.is_pending());
        }
        drop(gives_up);
        drop(held);
        drop(waits.await);
        assert!(
            places.sources.lock().is_empty(),
            "of sources that are gone nothing is kept"
        );
        assert_eq!(places.all.available_permits(), 4);
    }
}
