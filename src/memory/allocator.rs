//! The allocator, which uses the system's and falls back to the reserve.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::reserve::{BYTES, LARGEST, RESERVE};
use crate::clock::{NS_PER_MS, coarse_ns};
use crate::core_memory;

/// An allocation of at most this size may use all of the reserve, because functions that end
/// calls and recordings need such allocations. Larger ones leave half of it.
const SMALL: usize = 4096;
/// Memory is short until the system gives this many bytes.
const ENOUGH: usize = 1 << 20;
/// The shortest interval between two such checks.
const CHECK_INTERVAL_NS: u64 = 10 * NS_PER_MS;
/// A function that needs at most this many bytes may rely on the reserve.
pub(super) const FROM_RESERVE: u64 = LARGEST as u64;
const WAIT: Duration = Duration::from_millis(5);

static SHORT: AtomicBool = AtomicBool::new(false);
static CHECKED_NS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: ReservingAllocator = ReservingAllocator;

/// Whether the system has refused memory, and still does.
#[inline]
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed) && is_still_short()
}

#[cold]
fn is_still_short() -> bool {
    let now = coarse_ns();
    let checked = CHECKED_NS.load(Ordering::Relaxed);
    let due = now.saturating_sub(checked) >= CHECK_INTERVAL_NS;
    let mine = due && {
        let swapped = CHECKED_NS.compare_exchange(checked, now, Ordering::Relaxed, Ordering::Relaxed);
        swapped.is_ok()
    };
    if mine && can_give(ENOUGH) {
        SHORT.store(false, Ordering::Relaxed);
        return false;
    }
    true
}

/// Whether the system would give this many bytes now. The check bypasses the heap, because a
/// large allocation would change the heap's thresholds.
pub(super) fn can_give(bytes: usize) -> bool {
    #[cfg(unix)]
    // SAFETY: a new mapping, never accessed and unmapped at once.
    unsafe {
        let (rights, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
        );
        let at = libc::mmap(std::ptr::null_mut(), bytes.max(1), rights, kind, -1, 0);
        let given = at != libc::MAP_FAILED;
        if given {
            libc::munmap(at, bytes.max(1));
        }
        given
    }
    #[cfg(not(unix))]
    {
        let Ok(layout) = Layout::from_size_align(bytes.max(1), 1) else {
            return false;
        };
        // SAFETY: the size is not 0, and the memory is freed with the same layout.
        unsafe {
            let at = System.alloc(layout);
            if !at.is_null() {
                System.dealloc(at, layout);
            }
            !at.is_null()
        }
    }
}

struct ReservingAllocator;

/// What to do after the system has refused an allocation.
enum Fallback {
    /// Use this piece of the reserve.
    Piece(*mut u8),
    Retry,
    Fail,
}

#[cold]
fn refused(layout: Layout) -> Fallback {
    if core_memory::is_refusable() {
        return Fallback::Fail;
    }
    let inside = core_memory::is_inside();
    if layout.size() <= LARGEST {
        SHORT.store(true, Ordering::Relaxed);
        let leave = if inside && layout.size() <= SMALL {
            0
        } else {
            BYTES / 2
        };
        if let Some(at) = RESERVE.take(layout, leave) {
            return Fallback::Piece(at);
        }
    }
    if !inside {
        return Fallback::Fail;
    }
    SHORT.store(true, Ordering::Relaxed);
    std::thread::sleep(WAIT);
    Fallback::Retry
}

/// Allocates from the system or from the reserve. The flag is true if the memory is from the
/// reserve, which is not zeroed.
#[inline]
fn ask(layout: Layout, ask_system: impl Fn() -> *mut u8) -> (*mut u8, bool) {
    loop {
        let at = ask_system();
        if !at.is_null() {
            return (at, false);
        }
        match refused(layout) {
            Fallback::Piece(at) => return (at, true),
            Fallback::Retry => {}
            Fallback::Fail => return (std::ptr::null_mut(), false),
        }
    }
}

// Link-time optimization would otherwise repeat what follows wherever something is allocated or
// dropped, which makes the library much larger.
//
// SAFETY: every pointer is from the system or is a piece of the reserve that fits the layout,
// and is freed where it was allocated.
unsafe impl GlobalAlloc for ReservingAllocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's promise.
        ask(layout, || unsafe { System.alloc(layout) }).0
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's promise.
        let (at, reserved) = ask(layout, || unsafe { System.alloc_zeroed(layout) });
        if reserved {
            // SAFETY: a piece of that size.
            unsafe { at.write_bytes(0, layout.size()) };
        }
        at
    }

    #[inline(never)]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that it was allocated here with this layout.
        unsafe {
            if RESERVE.has(at) {
                RESERVE.give(at, layout);
            } else {
                System.dealloc(at, layout);
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size` is valid for a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if RESERVE.has(at) {
            // SAFETY: promised by the caller.
            return unsafe { self.move_to(at, layout, wanted) };
        }
        // SAFETY: `at` is from the system, because it is not in the reserve.
        let (moved, reserved) = ask(wanted, || unsafe { System.realloc(at, layout, size) });
        if reserved {
            // SAFETY: a failed reallocation leaves `at` unchanged, and both pieces have the sizes
            // of their layouts.
            unsafe {
                std::ptr::copy_nonoverlapping(at, moved, layout.size().min(size));
                System.dealloc(at, layout);
            }
        }
        moved
    }
}

impl ReservingAllocator {
    /// # Safety
    /// As for `realloc`.
    #[cold]
    unsafe fn move_to(&self, at: *mut u8, layout: Layout, wanted: Layout) -> *mut u8 {
        // SAFETY: promised by the caller; both pieces have the sizes of their layouts.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(at, moved, layout.size().min(wanted.size()));
                self.dealloc(at, layout);
            }
            moved
        }
    }
}
