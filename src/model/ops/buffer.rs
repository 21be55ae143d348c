//! Memory that forward and backward passes hand on to each other: fetching fresh pages from the system for every intermediate result
//! costs a quarter of a training step.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shorter buffers are left to the allocator.
const SHORTEST: usize = 4096;

/// Buffers that are not in use. It never keeps more than was in use at once.
#[derive(Default)]
pub struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    free: Vec<Vec<f32>>,
    n_free: usize,
    n_used: usize,
    most_used: usize,
}

/// Numbers in memory that goes back to its pool when dropped.
pub(crate) struct Buffer {
    /// At least as long as `len`.
    memory: Vec<f32>,
    len: usize,
    pool: Arc<Pool>,
}

impl Pool {
    /// `n` numbers, whatever they are: for results that are written in full.
    pub(crate) fn take(self: &Arc<Pool>, n: usize) -> Buffer {
        let memory = self.state().take(n);
        Buffer {
            memory: memory.unwrap_or_else(|| vec![0f32; size_for(n)]),
            len: n,
            pool: self.clone(),
        }
    }

    /// `n` zeros.
    pub(crate) fn zeros(self: &Arc<Pool>, n: usize) -> Buffer {
        let mut buffer = self.take(n);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of `data`.
    pub(crate) fn copy(self: &Arc<Pool>, data: &[f32]) -> Buffer {
        let mut buffer = self.take(data.len());
        buffer.copy_from_slice(data);
        buffer
    }

    /// What the lock protects stays valid when a thread panics.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sizes are rounded up to a sixteenth of the next power of two, so that batches of about the same size share buffers.
fn size_for(n: usize) -> usize {
    if n < SHORTEST {
        n
    } else {
        n.next_multiple_of((n.next_power_of_two() / 16).max(1))
    }
}

impl State {
    /// The smallest buffer that holds `n` numbers without wasting half of itself.
    fn take(&mut self, n: usize) -> Option<Vec<f32>> {
        if n < SHORTEST {
            return None;
        }
        let fits = |memory: &&Vec<f32>| (n..=2 * n).contains(&memory.len());
        let best = self.free.iter().filter(fits).map(Vec::len).min();
        let at = best.and_then(|size| self.free.iter().position(|memory| memory.len() == size));
        self.n_used += best.unwrap_or_else(|| size_for(n));
        self.most_used = self.most_used.max(self.n_used);
        let memory = self.free.swap_remove(at?);
        self.n_free -= memory.len();
        Some(memory)
    }

    fn give_back(&mut self, memory: Vec<f32>) {
        if memory.len() < SHORTEST {
            return;
        }
        self.n_used -= memory.len().min(self.n_used);
        if self.n_free + self.n_used + memory.len() <= self.most_used {
            self.n_free += memory.len();
            self.free.push(memory);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.state().give_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_handed_on_and_never_more_than_was_used_at_once() {
        let pool = Arc::new(Pool::default());
        let first = pool.zeros(10_000);
        let at = first.as_ptr();
        drop(first);
        let second = pool.copy(&[1.5; 9_000]);
        assert_eq!(second.as_ptr(), at);
        assert!(second.len() == 9_000 && second.iter().all(|x| *x == 1.5));
        let third = pool.take(9_000);
        assert_ne!(third.as_ptr(), at);
        drop((second, third));
        let kept = |pool: &Arc<Pool>| pool.state().free.iter().map(Vec::len).sum::<usize>();
        assert!(kept(&pool) <= 2 * 10_240, "{}", kept(&pool));
        for n in [20_000, 40_000, 80_000, 160_000] {
            drop(pool.zeros(n));
            assert!(kept(&pool) <= size_for(n).max(2 * 10_240), "{}", kept(&pool));
        }
        assert!(pool.zeros(50_000).iter().all(|x| *x == 0.0));
        drop(pool.take(10));
        assert!(pool.state().free.iter().all(|memory| memory.len() >= SHORTEST));
    }
}
