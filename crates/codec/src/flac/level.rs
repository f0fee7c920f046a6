//! The levels of compression.

/// What the encoder tries at a level. The levels do what the same ones of libFLAC do, where that
/// pays for speech.
#[derive(Clone, Copy, Debug)]
pub struct LevelSettings {
    /// The highest order of linear predictors; 0: fixed predictors only.
    pub linear_order: usize,
    pub partition_order: u32,
    /// Whether two channels may be stored as one of them, or their mean, and their difference.
    pub joins_channels: bool,
    /// Whether linear predictors are also sought for the halves of a block.
    pub seeks_in_halves: bool,
}

pub const LEVEL_MAX: u32 = 8;
pub const LEVEL_DEFAULT: u32 = 5;

impl LevelSettings {
    pub fn of(level: u32) -> LevelSettings {
        let (linear_order, partition_order) = match level {
            0 | 1 => (0, 3),
            2 => (0, 4),
            3 => (6, 4),
            4 => (8, 4),
            5 => (8, 5),
            6 => (8, 6),
            _ => (12, 6),
        };
        LevelSettings {
            linear_order,
            partition_order,
            joins_channels: level > 0,
            seeks_in_halves: level >= LEVEL_MAX,
        }
    }
}
