//! A handle, the number by which the host names an object.

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 31;
pub(super) const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

/// The kind of object that a handle names. Handles of different kinds are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HandleKind {
    Engine = 1,
    Call = 2,
    Feed = 3,
    Subscription = 4,
    #[cfg(feature = "gateway")]
    Gateway = 5,
}

/// `depth:6 | kind:3 | generation:31 | index:24`. The depth counts forks, so a child's handles
/// differ from the inherited ones. The generation of a slot grows with each object in it, so a
/// stale handle never opens a later object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub u64);

impl Handle {
    pub(super) fn new(depth: u32, kind: HandleKind, generation: u32, index: u32) -> Handle {
        Handle(
            (u64::from(depth) << 58)
                | ((kind as u64) << 55)
                | (u64::from(generation) << INDEX_BITS)
                | u64::from(index),
        )
    }

    pub(super) fn depth(self) -> u32 {
        (self.0 >> 58) as u32
    }

    /// The number of the kind. It may be invalid, because the host can pass any number.
    pub(super) fn kind(self) -> u8 {
        (self.0 >> 55) as u8 & 7
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> INDEX_BITS) as u32 & GENERATION_MASK
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize & ((1 << INDEX_BITS) - 1)
    }
}
