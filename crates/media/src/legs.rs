//! The legs of a call, of which most often only some have a feed.

use crate::leg::{HoldEpochs, LegMedia};
use crate::{FeedOptions, Leg};

/// A leg has media from its first feed on.
#[derive(Default)]
pub struct Legs {
    media: [Option<Box<LegMedia>>; 3],
    /// The call is on hold, and what is fed meanwhile is silence.
    on_hold: HoldEpochs,
}

impl Legs {
    pub fn is_fed(&self, leg: Leg) -> bool {
        self.get(leg).is_some()
    }

    /// `None` if it has never had a feed.
    pub fn get(&self, leg: Leg) -> Option<&LegMedia> {
        self.media[leg as usize].as_deref()
    }

    pub fn get_mut(&mut self, leg: Leg) -> Option<&mut LegMedia> {
        self.media[leg as usize].as_deref_mut()
    }

    /// Those that have had a feed.
    pub fn fed(&self) -> impl Iterator<Item = (Leg, &LegMedia)> {
        let legs = Leg::ALL.into_iter().zip(&self.media);
        legs.filter_map(|(leg, media)| Some((leg, media.as_deref()?)))
    }

    pub fn fed_mut(&mut self) -> impl Iterator<Item = (Leg, &mut LegMedia)> {
        let legs = Leg::ALL.into_iter().zip(&mut self.media);
        legs.filter_map(|(leg, media)| Some((leg, media.as_deref_mut()?)))
    }

    /// Both, if both have been fed.
    pub fn local_and_remote(&mut self) -> Option<(&mut LegMedia, &mut LegMedia)> {
        let [local, remote, _] = &mut self.media;
        Some((local.as_deref_mut()?, remote.as_deref_mut()?))
    }

    /// A new feed; in stream time, one that is not the leg's first begins at `origin_ns`.
    pub fn attach(&mut self, leg: Leg, options: FeedOptions, origin_ns: Option<u64>, now_ns: u64) {
        let origin_ns = origin_ns.filter(|_| self.is_fed(leg));
        let media = self.media[leg as usize].get_or_insert_with(|| Box::new(LegMedia::new()));
        media.timeline.on_hold = self.on_hold.clone();
        media.attach(options, origin_ns, now_ns);
    }

    /// What is handed in from this epoch on is silence, or is not.
    pub fn set_hold(&mut self, on: bool, epoch: u32) {
        self.on_hold.set(on, epoch);
        for leg in self.media.iter_mut().flatten() {
            leg.timeline.on_hold = self.on_hold.clone();
        }
    }
}
