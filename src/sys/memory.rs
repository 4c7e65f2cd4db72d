//! What the allocator keeps: for processes that live long and do little.

/// One heap for all threads: each further one costs what it has touched and never gives back. To be
/// called before there is a second thread.
pub fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets a number of the allocator's; no other thread allocates yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives free pages back to the kernel.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim locks the heap itself and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
