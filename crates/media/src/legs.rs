//! The legs of a call. Most calls have feeds only on some of them.

use crate::leg::{HoldEpochs, LegMedia};
use crate::{FeedOptions, Leg};

/// The legs of a call. A leg has media once it has had a feed.
#[derive(Default)]
pub struct Legs {
    media: [Option<Box<LegMedia>>; 3],
    /// Missing audio is concealed.
    conceals: bool,
    /// The epochs in which the call is on hold and fed audio counts as silence.
    on_hold: HoldEpochs,
}

impl Legs {
    /// `conceals`: missing audio is concealed, and comfort noise is generated.
    pub fn new(conceals: bool) -> Legs {
        Legs {
            conceals,
            ..Legs::default()
        }
    }

    pub fn is_fed(&self, leg: Leg) -> bool {
        self.get(leg).is_some()
    }

    /// The media of a leg; `None` if it has never had a feed.
    pub fn get(&self, leg: Leg) -> Option<&LegMedia> {
        self.media[leg as usize].as_deref()
    }

    pub fn get_mut(&mut self, leg: Leg) -> Option<&mut LegMedia> {
        self.media[leg as usize].as_deref_mut()
    }

    /// The legs that have had a feed.
    pub fn fed(&self) -> impl Iterator<Item = (Leg, &LegMedia)> {
        let legs = Leg::ALL.into_iter().zip(&self.media);
        legs.filter_map(|(leg, media)| Some((leg, media.as_deref()?)))
    }

    pub fn fed_mut(&mut self) -> impl Iterator<Item = (Leg, &mut LegMedia)> {
        let legs = Leg::ALL.into_iter().zip(&mut self.media);
        legs.filter_map(|(leg, media)| Some((leg, media.as_deref_mut()?)))
    }

    /// The local and the remote leg, if both have had a feed.
    pub fn local_and_remote(&mut self) -> Option<(&mut LegMedia, &mut LegMedia)> {
        let [local, remote, _] = &mut self.media;
        Some((local.as_deref_mut()?, remote.as_deref_mut()?))
    }

    /// Attaches a feed to a leg. In stream time, every feed but the first begins at `origin_ns`.
    pub fn attach(&mut self, leg: Leg, options: FeedOptions, origin_ns: Option<u64>, now_ns: u64) {
        let origin_ns = origin_ns.filter(|_| self.is_fed(leg));
        let media = self.media[leg as usize].get_or_insert_with(|| Box::new(LegMedia::new()));
        media.timeline.on_hold = self.on_hold.clone();
        media.timeline.set_concealment(self.conceals);
        media.attach(options, origin_ns, now_ns);
    }

    /// Sets whether audio handed in from this epoch on counts as silence.
    pub fn set_hold(&mut self, on: bool, epoch: u32) {
        self.on_hold.set(on, epoch);
        for leg in self.media.iter_mut().flatten() {
            leg.timeline.on_hold = self.on_hold.clone();
        }
    }
}
