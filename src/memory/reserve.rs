//! The reserve: memory in the library's own image. It has no lock, because the process may fork
//! at any moment. A piece that another thread is just taking at the fork is lost to the child;
//! nothing worse happens.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The bytes for each bit of `taken`. A word of bits covers a page.
const UNIT: usize = 64;
const PAGE: usize = 64 * UNIT;
const PAGES: usize = 256;
pub(super) const BYTES: usize = PAGES * PAGE;
/// The largest piece.
pub(super) const LARGEST: usize = 16 * PAGE;

#[repr(C, align(4096))]
struct Bytes(UnsafeCell<[u8; BYTES]>);

/// The reserve. The thread that sets the bits of a piece owns that piece.
pub(super) struct Reserve {
    bytes: Bytes,
    taken: [AtomicU64; PAGES],
    /// Bytes of all taken pieces.
    used: AtomicUsize,
}

// SAFETY: the bytes are accessed only through pieces, and each piece has one owner.
unsafe impl Sync for Reserve {}

pub(super) static RESERVE: Reserve = Reserve::new();

/// The size of a piece, in units of one page or in pages.
enum PieceSize {
    Units { count: usize, step: usize },
    Pages(usize),
}

impl PieceSize {
    fn of(layout: Layout) -> Option<PieceSize> {
        let (size, align) = (layout.size(), layout.align());
        match () {
            () if size > LARGEST || align > PAGE => None,
            () if size > PAGE => Some(PieceSize::Pages(size.div_ceil(PAGE))),
            () => Some(PieceSize::Units {
                count: size.div_ceil(UNIT).max(1),
                step: align.div_ceil(UNIT),
            }),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            PieceSize::Units { count, .. } => count * UNIT,
            PieceSize::Pages(count) => count * PAGE,
        }
    }
}

fn mask(units: usize) -> u64 {
    u64::MAX >> (64 - units)
}

impl Reserve {
    /// All zero, so that the library's file does not contain the bytes.
    const fn new() -> Reserve {
        Reserve {
            bytes: Bytes(UnsafeCell::new([0; BYTES])),
            taken: [const { AtomicU64::new(0) }; PAGES],
            used: AtomicUsize::new(0),
        }
    }

    fn base(&self) -> *mut u8 {
        self.bytes.0.get().cast()
    }

    /// Whether a pointer points into the reserve.
    #[inline]
    pub(super) fn has(&self, at: *mut u8) -> bool {
        at.addr().wrapping_sub(self.base().addr()) < BYTES
    }

    #[cfg(test)]
    fn free(&self) -> usize {
        BYTES - self.used.load(Ordering::Relaxed)
    }

    /// Takes a piece and leaves at least `leave` bytes free. `None` if that is not possible.
    pub(super) fn take(&self, layout: Layout, leave: usize) -> Option<*mut u8> {
        let shape = PieceSize::of(layout)?;
        if self.used.load(Ordering::Relaxed) + shape.bytes() + leave > BYTES {
            return None;
        }
        let at = match shape {
            PieceSize::Units { count, step } => self.take_units(count, step),
            PieceSize::Pages(count) => self.take_pages(count),
        }?;
        self.used.fetch_add(shape.bytes(), Ordering::Relaxed);
        // SAFETY: within the bytes.
        Some(unsafe { self.base().add(at) })
    }

    /// Takes units of one page. Returns the offset of the first.
    fn take_units(&self, count: usize, step: usize) -> Option<usize> {
        for (page, word) in self.taken.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while let Some(first) = (0..=64 - count)
                .step_by(step)
                .find(|first| bits & (mask(count) << first) == 0)
            {
                let wanted = bits | (mask(count) << first);
                // Acquire: the last owner's accesses happen before those of the new owner.
                match word.compare_exchange(bits, wanted, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Some(page * PAGE + first * UNIT),
                    Err(now) => bits = now,
                }
            }
        }
        None
    }

    /// Takes whole pages, from the end of the reserve, so that they rarely collide with units.
    fn take_pages(&self, count: usize) -> Option<usize> {
        let mut end = PAGES;
        while let Some(first) = end.checked_sub(count) {
            let take = |word: &AtomicU64| {
                word.compare_exchange(0, u64::MAX, Ordering::Acquire, Ordering::Relaxed)
                    .is_err()
            };
            let words = self.taken.get(first..end)?;
            match words.iter().rposition(take) {
                None => return Some(first * PAGE),
                Some(used) => {
                    let mine = words.iter().skip(used + 1);
                    mine.for_each(|word| word.store(0, Ordering::Release));
                    end = first + used;
                }
            }
        }
        None
    }

    /// # Safety
    /// `take` returned this piece for this layout, and the piece is no longer used.
    pub(super) unsafe fn give(&self, at: *mut u8, layout: Layout) {
        let from = at.addr().wrapping_sub(self.base().addr());
        let Some(shape) = PieceSize::of(layout) else {
            return;
        };
        let words = self.taken.iter().skip(from / PAGE);
        match shape {
            PieceSize::Units { count, .. } => words.take(1).for_each(|word| {
                let bits = mask(count) << (from % PAGE / UNIT);
                word.fetch_and(!bits, Ordering::Release);
            }),
            PieceSize::Pages(count) => words
                .take(count)
                .for_each(|word| word.store(0, Ordering::Release)),
        }
        self.used.fetch_sub(shape.bytes(), Ordering::Relaxed);
    }

    /// Writes to each page, so that the system backs it with memory.
    pub(super) fn touch(&self) {
        let Ok(page) = Layout::from_size_align(PAGE, PAGE) else {
            return;
        };
        let mut taken = [std::ptr::null_mut::<u8>(); PAGES];
        for place in &mut taken {
            if let Some(at) = self.take(page, 0) {
                // SAFETY: this function owns the piece.
                unsafe { at.write_volatile(0) };
                *place = at;
            }
        }
        for at in taken.into_iter().filter(|at| !at.is_null()) {
            // SAFETY: taken above and no longer used.
            unsafe { self.give(at, page) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("it is one")
    }

    #[test]
    fn pieces_are_aligned_and_do_not_overlap() {
        static SMALL: Reserve = Reserve::new();
        let sizes = [1, 63, 64, 65, 100, 4000, 4096, 4097, 65_536, 9000];
        let mut pieces = Vec::new();
        for (n, size) in sizes.into_iter().cycle().take(100).enumerate() {
            let of = layout(size, 1 << (n % 13));
            let Some(at) = SMALL.take(of, 0) else { continue };
            assert!(SMALL.has(at) && at.addr().is_multiple_of(of.align()));
            // SAFETY: a piece of this size, just taken.
            unsafe { at.write_bytes(n as u8, size) };
            pieces.push((at, of, n as u8));
        }
        assert!(pieces.len() > 50);
        for (at, of, value) in &pieces {
            // SAFETY: written above.
            let bytes = unsafe { std::slice::from_raw_parts(*at, of.size()) };
            assert!(bytes.iter().all(|byte| byte == value));
        }
        for (at, of, _) in pieces {
            // SAFETY: taken above and no longer used.
            unsafe { SMALL.give(at, of) };
        }
        assert_eq!(SMALL.free(), BYTES);
        assert!(SMALL.taken.iter().all(|word| word.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn taking_can_leave_a_part_free() {
        static HALF: Reserve = Reserve::new();
        let of = layout(LARGEST, 8);
        let got = (0..).take_while(|_| HALF.take(of, BYTES / 2).is_some()).count();
        assert_eq!(got, BYTES / 2 / LARGEST);
        let rest = (0..).take_while(|_| HALF.take(of, 0).is_some()).count();
        assert_eq!(rest, got);
        assert!(HALF.take(layout(1, 1), 0).is_none());
        assert!(HALF.take(layout(LARGEST + 1, 8), 0).is_none());
    }

    #[test]
    fn threads_never_share_a_piece() {
        static SHARED: Reserve = Reserve::new();
        std::thread::scope(|threads| {
            for id in 1..5_u8 {
                threads.spawn(move || {
                    for n in 0..2000 {
                        let of = layout([40, 300, 4096, 10_000][n % 4], 16);
                        let Some(at) = SHARED.take(of, 0) else { continue };
                        // SAFETY: a piece of this size, just taken and freed once.
                        unsafe {
                            at.write_bytes(id, of.size());
                            std::thread::yield_now();
                            let bytes = std::slice::from_raw_parts(at, of.size());
                            assert!(bytes.iter().all(|byte| *byte == id));
                            SHARED.give(at, of);
                        }
                    }
                });
            }
        });
        assert_eq!(SHARED.free(), BYTES);
    }

    #[test]
    fn touching_the_reserve_leaves_it_free() {
        static NEW: Reserve = Reserve::new();
        NEW.touch();
        assert_eq!(NEW.free(), BYTES);
    }
}
