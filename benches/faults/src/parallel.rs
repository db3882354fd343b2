//! Several at a time: sweeps mostly wait for each other's processes.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::report::Broken;

/// Does `work` for each of `items`, `at_a_time` at a time. The first that goes wrong ends it.
pub(crate) fn each<T: Sync>(items: &[T], at_a_time: usize, work: impl Fn(&T) -> Result<(), Broken> + Sync) -> Result<(), Broken> {
    let (next, stop, broken) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..at_a_time.max(1) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    if let Err(error) = work(item) {
                        stop.store(true, Ordering::SeqCst);
                        broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            });
        }
    });
    broken.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
