//! Workers that are ahead of whoever takes their batches.
//!
//! Of W workers each makes every W-th batch and has a queue of its own, which holds a few batches; the queues are emptied in
//! turn, so that batches come in order.

use std::any::Any;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::super::{Error, Result};
use super::Epoch;
use crate::Batch;

/// The batches of an epoch in their order. They end with the first that is an error.
pub(super) struct Prefetched {
    queues: Vec<Receiver<Result<Batch>>>,
    workers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    rest: Range<usize>,
    turn: usize,
}

impl Prefetched {
    /// Starts the workers. Each keeps `prefetch` batches ready.
    pub(super) fn start(
        epoch: &Epoch,
        batches: Range<usize>,
        workers: usize,
        prefetch: usize,
    ) -> Result<Self> {
        let workers = workers.min(batches.len());
        let stop = Arc::new(AtomicBool::new(false));
        let mut all = Self { queues: Vec::new(), workers: Vec::new(), stop, rest: batches.clone(), turn: 0 };
        for worker in 0..workers {
            // A worker holds one batch in its hands while the queue is full.
            let (sender, queue) = sync_channel(prefetch - 1);
            let (epoch, stop) = (epoch.clone(), Arc::clone(&all.stop));
            let mine = batches.clone().skip(worker).step_by(workers);
            let thread = thread::Builder::new()
                .name(format!("loader {worker}"))
                .spawn(move || work(&epoch, mine, &sender, &stop))
                .map_err(Error::Thread)?;
            all.queues.push(queue);
            all.workers.push(thread);
        }
        Ok(all)
    }
}

fn work(
    epoch: &Epoch,
    mine: impl Iterator<Item = usize>,
    queue: &SyncSender<Result<Batch>>,
    stop: &AtomicBool,
) {
    let stopped = || stop.load(Ordering::Relaxed);
    for batch in mine {
        let made = panic::catch_unwind(AssertUnwindSafe(|| epoch.batch(batch, &stopped)));
        let made = made.unwrap_or_else(|panic| {
            Err(Error::Panicked { epoch: epoch.epoch, batch, reason: said(&*panic).to_owned() })
        });
        let last = made.is_err();
        // Nobody takes it any more: the iterator was dropped.
        if queue.send(made).is_err() || last {
            return;
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

impl Iterator for Prefetched {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.rest.next()?;
        let queue = self.queues.get(self.turn)?;
        self.turn = (self.turn + 1) % self.queues.len();
        let made = queue.recv().unwrap_or_else(|_| {
            Err(Error::Setting(format!("batch {batch} did not come: its worker ended before its time")))
        });
        if made.is_err() {
            self.rest.start = self.rest.end;
        }
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.len(), Some(self.rest.len()))
    }
}

impl Drop for Prefetched {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A worker that waits for room in its queue is told that nobody will take from it.
        self.queues.clear();
        for worker in self.workers.drain(..) {
            // Its panics were made errors before.
            let _ = worker.join();
        }
    }
}
