//! Work shared among those who happen to be there.
//!
//! A run is a fixed series of phases, each some items that any member may take. Nobody waits for a member that has not
//! come: whoever is there takes the items, and a phase is over when all of them are done. So a busy pool makes a run
//! slower, and never hangs it, as barriers of a fixed number of threads would.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The phases of a run, to be used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Board {
    phases: Vec<Phase>,
    members: AtomicUsize,
    failed: AtomicBool,
}

/// What is left of a phase; on lines of its own, which all members write.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Phase {
    next: AtomicUsize,
    done: AtomicUsize,
}

impl Board {
    pub(crate) fn new(phases: usize) -> Self {
        let phases = (0..phases).map(|_| Phase::default()).collect();
        Self { phases, members: AtomicUsize::new(0), failed: AtomicBool::new(false) }
    }

    /// Calls `work` with up to `threads` members: on this thread, and on rayon's current pool. It must go through the
    /// same phases for every member.
    pub(crate) fn run(&mut self, threads: usize, work: impl Fn(&mut Member<'_>) + Sync) {
        if threads <= 1 {
            work(&mut Member { board: self, phase: 0, index: 0, alone: true, leads: true });
            return;
        }
        for phase in &mut self.phases {
            *phase.next.get_mut() = 0;
            *phase.done.get_mut() = 0;
        }
        *self.members.get_mut() = 0;
        *self.failed.get_mut() = false;
        let board = &*self;
        let join = |leads| {
            let index = board.members.fetch_add(1, Ordering::Relaxed);
            work(&mut Member { board, phase: 0, index, alone: false, leads });
        };
        if rayon::current_thread_index().is_some() {
            // Within the pool nothing needs to be allocated.
            rayon::join(|| join(true), || fan_out(threads - 1, &|| join(false)));
        } else {
            rayon::in_place_scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|_| join(false));
                }
                join(true);
            });
        }
    }
}

/// Calls `work` so many times, at once where others of the pool are free.
fn fan_out(threads: usize, work: &(impl Fn() + Sync)) {
    if threads <= 1 {
        work();
    } else {
        rayon::join(work, || fan_out(threads - 1, work));
    }
}

/// One of those who work.
pub struct Member<'b> {
    board: &'b Board,
    phase: usize,
    index: usize,
    alone: bool,
    leads: bool,
}

impl Member<'_> {
    /// Its number, below that of the threads.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Whether this is the first of them; exactly one is.
    pub(crate) fn leads(&self) -> bool {
        self.leads
    }

    /// A phase: calls `work` for each of the items that this member gets, and comes back when all are done.
    pub(crate) fn each(&mut self, items: usize, mut work: impl FnMut(usize)) {
        if self.alone {
            (0..items).for_each(work);
            return;
        }
        let Some(phase) = self.board.phases.get(self.phase) else {
            unreachable!("a run has as many phases as were counted")
        };
        self.phase += 1;
        // If an item panics, the others must not wait for it.
        let guard = Failing(&self.board.failed);
        loop {
            let item = phase.next.fetch_add(1, Ordering::Relaxed);
            if item >= items {
                break;
            }
            work(item);
            phase.done.fetch_add(1, Ordering::Release);
        }
        std::mem::forget(guard);
        let mut spins = 0u32;
        while phase.done.load(Ordering::Acquire) < items {
            assert!(!self.board.failed.load(Ordering::Relaxed), "another thread of this run panicked");
            spins += 1;
            if spins < 10_000 {
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

struct Failing<'b>(&'b AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn each_item_is_done_once_and_phases_follow_each_other() {
        let threads = 4;
        for round in 0..50 {
            let seen = Mutex::new(Vec::new());
            let mut board = Board::new(3);
            for _ in 0..2 {
                board.run(threads, |member| {
                    for phase in 0..3 {
                        member.each(round % 7, |item| seen.lock().unwrap().push((phase, item)));
                    }
                });
            }
            let mut seen = seen.into_inner().unwrap();
            for half in seen.chunks_mut((3 * (round % 7)).max(1)) {
                assert!(half.is_sorted_by_key(|(phase, _)| *phase));
                half.sort_unstable();
                let all: Vec<_> = (0..3).flat_map(|p| (0..round % 7).map(move |i| (p, i))).collect();
                assert_eq!(half, all);
            }
        }
    }

    #[test]
    fn two_runs_in_one_pool_do_not_wait_for_each_other() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    pool.install(|| {
                        let mut board = Board::new(20);
                        board.run(3, |member| {
                            for _ in 0..20 {
                                member.each(5, |_| {
                                    count.fetch_add(1, Ordering::Relaxed);
                                });
                            }
                        });
                    });
                });
            }
        });
        assert_eq!(count.into_inner(), 300);
    }

    #[test]
    #[should_panic]
    fn a_panic_ends_the_run() {
        Board::new(1).run(3, |member| member.each(6, |item| assert!(item != 3)));
    }
}
