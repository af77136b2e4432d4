//! The atomics, locks and shared values that purges and fetches meet at. With the feature `interleavings`
//! they are those of a checker that decides after each of their operations which thread goes on
//! (`tests/purge_interleavings.rs`), and tables are so small that everybody meets everybody in them.
//! Without it they are the standard library's, and nothing of this is left in the program.

#[cfg(not(feature = "interleavings"))]
mod chosen {
    pub use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
    pub use std::sync::{Mutex, MutexGuard};

    pub use arc_swap::ArcSwap;

    /// `usual`, or what a checker has in its place.
    pub const fn size(usual: usize, _checked: usize) -> usize {
        usual
    }
}

#[cfg(feature = "interleavings")]
mod chosen {
    use std::sync::{Arc, PoisonError};

    pub use shuttle::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
    pub use shuttle::sync::{Mutex, MutexGuard};

    /// What has the place of `usual` under a checker.
    pub const fn size(_usual: usize, checked: usize) -> usize {
        checked
    }

    /// In the place of `arc_swap`'s, which no checker sees into.
    #[derive(Debug, Default)]
    pub struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        /// Holds `value`.
        pub fn from_pointee(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        /// What it holds.
        pub fn load(&self) -> Arc<T> {
            Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        /// Holds `value` from now on.
        pub fn store(&self, value: Arc<T>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}

pub use chosen::*;
