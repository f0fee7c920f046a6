//! The troubles of a simulated disk.

use callrec_core::clock::NS_PER_MS;

use crate::random::SeededRng;

/// The operations of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskOperation {
    Open,
    Create,
    Read,
    Write,
    Sync,
    Rename,
    Remove,
    List,
    FreeRoom,
}

/// One trouble of the disk, and when it begins and ends.
#[derive(Clone, Debug)]
pub struct DiskTrouble {
    pub from_ns: u64,
    pub to_ns: u64,
    pub kind: TroubleKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Every call takes until the trouble is over.
    Hangs,
    /// Every call takes this many nanoseconds more.
    Slow(u64),
    /// This percentage of calls of one operation fails with this system error.
    Fails(DiskOperation, i32, u64),
    /// The disk is full.
    Full,
    /// The path of the directory names another directory, until the next process opens it.
    Moved,
}

/// System errors: ENOSPC and EIO, or what Windows has for them.
const DISK_FULL: i32 = if cfg!(windows) { 112 } else { 28 };
const DEVICE_ERROR: i32 = if cfg!(windows) { 1117 } else { 5 };

pub fn any(rng: &mut SeededRng) -> Vec<DiskTrouble> {
    let count = match rng.below(3) {
        0 => 0,
        _ => rng.between(1, 3),
    };
    let mut all = Vec::new();
    for _ in 0..count {
        let from_ns = rng.below(20_000) * NS_PER_MS;
        let to_ns = from_ns + rng.between(5, 5000) * NS_PER_MS;
        let operations = [
            DiskOperation::Open,
            DiskOperation::Create,
            DiskOperation::Read,
            DiskOperation::Write,
            DiskOperation::Write,
            DiskOperation::Sync,
            DiskOperation::Sync,
            DiskOperation::Rename,
            DiskOperation::Remove,
            DiskOperation::List,
        ];
        let kind = match rng.below(6) {
            0 => TroubleKind::Hangs,
            1 => TroubleKind::Slow(rng.between(1, 50) * NS_PER_MS),
            2 => TroubleKind::Full,
            3 => TroubleKind::Moved,
            _ => TroubleKind::Fails(
                rng.pick(&operations),
                rng.pick(&[DEVICE_ERROR, DISK_FULL]),
                rng.pick(&[10, 50, 100]),
            ),
        };
        all.push(DiskTrouble { from_ns, to_ns, kind });
    }
    all
}
