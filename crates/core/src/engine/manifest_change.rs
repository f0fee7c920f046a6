//! Why a live manifest is rewritten. Storage reports the change once the manifest is on disk.

/// A change of a recording in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestChange {
    /// No audio is written from this frame on.
    Paused(u64),
    /// This frame is the first one after the pause.
    Resumed(u64),
    /// The call or its line has changed.
    Moved,
}

const KINDS: u64 = 3;

impl ManifestChange {
    /// The number that storage carries.
    pub fn number(self) -> u64 {
        match self {
            ManifestChange::Moved => 0,
            ManifestChange::Paused(frame) => frame * KINDS + 1,
            ManifestChange::Resumed(frame) => frame * KINDS + 2,
        }
    }

    pub fn of(number: u64) -> ManifestChange {
        let frame = number / KINDS;
        match number % KINDS {
            1 => ManifestChange::Paused(frame),
            2 => ManifestChange::Resumed(frame),
            _ => ManifestChange::Moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_change() {
        for frame in [0, 1, 2, 3, u64::from(u32::MAX), 1 << 60] {
            for change in [
                ManifestChange::Paused(frame),
                ManifestChange::Resumed(frame),
                ManifestChange::Moved,
            ] {
                assert_eq!(ManifestChange::of(change.number()), change);
            }
        }
    }
}
