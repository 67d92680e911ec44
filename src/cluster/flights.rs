//! Live reads that several reviews wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

/// Reads under way, at most one of each.
///
/// A review must not be answered by a read that began before the review did. So whoever asks while a read is under way waits
/// for the next one, which begins when this one ends and answers all who wait: a burst of reviews costs the API server no more
/// than two reads of each thing at a time.
#[derive(Debug)]
pub(super) struct Flights<K: Ord, V>(Mutex<BTreeMap<K, Waiting<V>>>);

type Waiting<V> = Vec<oneshot::Sender<V>>;

impl<K, V> Flights<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(super) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The outcome of a read that begins after this call; `None` where the read panicked or the program ends.
    ///
    /// The read goes on when nobody waits for it any more, so it has to have a time limit of its own.
    pub(super) async fn read<F>(self: &Arc<Self>, key: K, read: F) -> Option<V>
    where
        F: Fn() -> BoxFuture<'static, V> + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        {
            let mut flights = self.lock();
            if let Some(waiting) = flights.get_mut(&key) {
                waiting.push(sender);
            } else {
                flights.insert(key.clone(), Vec::new());
                tokio::spawn(self.clone().fly(key, read, sender));
            }
        }
        outcome.await.ok()
    }

    async fn fly<F>(self: Arc<Self>, key: K, read: F, first: oneshot::Sender<V>)
    where
        F: Fn() -> BoxFuture<'static, V> + Send + 'static,
    {
        // Whoever waits for a read that panicked is let go with it.
        let landing = Landing { flights: self, key };
        let mut passengers = vec![first];
        while !passengers.is_empty() {
            let outcome = read().await;
            for passenger in passengers {
                // One that has given up does not listen.
                let _ = passenger.send(outcome.clone());
            }
            passengers = landing.board();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Waiting<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Landing<K: Ord + Clone + Send + 'static, V: Clone + Send + 'static> {
    flights: Arc<Flights<K, V>>,
    key: K,
}

impl<K: Ord + Clone + Send + 'static, V: Clone + Send + 'static> Landing<K, V> {
    /// Takes those on board who wait for the next read; where nobody does, the next to ask is a first again.
    fn board(&self) -> Waiting<V> {
        let mut flights = self.flights.lock();
        let waiting = flights.get_mut(&self.key).map(std::mem::take).unwrap_or_default();
        if waiting.is_empty() {
            flights.remove(&self.key);
        }
        waiting
    }
}

impl<K: Ord + Clone + Send + 'static, V: Clone + Send + 'static> Drop for Landing<K, V> {
    fn drop(&mut self) {
        // After a good end there is nothing left, or a later first's entry, which must stay.
        if std::thread::panicking() {
            self.flights.lock().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_asks_during_a_read_is_answered_by_the_next_one() {
        let flights = Arc::new(Flights::<&str, u32>::new());
        let (started, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (flights, started, gate) = (flights.clone(), started.clone(), gate.clone());
            tokio::spawn(async move {
                let read = move || {
                    let number = started.fetch_add(1, Ordering::SeqCst) + 1;
                    let gate = gate.clone();
                    async move {
                        gate.acquire().await.unwrap().forget();
                        number
                    }
                    .boxed()
                };
                flights.read("x", read).await
            })
        };
        let reads_started = |number| {
            let started = &started;
            async move {
                while started.load(Ordering::SeqCst) != number {
                    tokio::task::yield_now().await;
                }
            }
        };
        let first = ask();
        reads_started(1).await;
        let late: Vec<_> = (0..3).map(|_| ask()).collect();
        while flights.lock().get("x").map_or(0, Vec::len) != late.len() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        assert_eq!(first.await.unwrap(), Some(1));
        gate.add_permits(1);
        for review in late {
            assert_eq!(review.await.unwrap(), Some(2));
        }
        assert_eq!(started.load(Ordering::SeqCst), 2);
        while !flights.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        assert_eq!(ask().await.unwrap(), Some(3));
    }

    #[tokio::test]
    async fn a_read_that_panics_lets_everybody_go() {
        let flights = Arc::new(Flights::<&str, u32>::new());
        let crash = || async { panic!("as planned") }.boxed();
        assert_eq!(flights.read("x", crash).await, None);
        assert_eq!(flights.read("x", || async { 1 }.boxed()).await, Some(1));
    }
}
