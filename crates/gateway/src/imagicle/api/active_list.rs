//! The response to a list of all live recordings, kept for the next list. As long as no recording
//! has started, stopped, paused, resumed or changed its call, only durations are written again, and
//! if all of them show the same seconds, the same bytes are sent again. Otherwise the texts of the
//! recordings that have not changed are copied.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use crate::imagicle::active::{self, DURATION_OFFSET, DateFormatter, ExtraMembers, iso_seconds};
use callrec_core::calls::{CallInfo, ListedRecording, LiveList, ReadingsHandle};
use callrec_core::config::Config;
use callrec_core::engine::DurationRule;
use callrec_core::recorder::Recorder;
use callrec_core::sync::Mutex;
use callrec_core::types::{RecordingState, Result};

/// Longer lists are not kept. The text of this many takes five megabytes.
pub const KEPT_MAX: usize = 20_000;
/// A list that was not used for as long as this, or twice as long, is dropped.
const UNUSED: Duration = Duration::from_secs(1);
/// The most that a duration's text can grow.
const GROWTH: usize = 16;

/// Makes lists of all live recordings, and keeps the last one.
#[derive(Default)]
pub struct ActiveList {
    kept: Mutex<KeptList>,
    /// Told when a list is kept that was not before.
    filled: Notify,
}

#[derive(Default)]
struct KeptList {
    text: Option<Arc<ListText>>,
    was_used: bool,
    /// The gateway stops, so nothing is kept any more.
    is_closed: bool,
}

/// A list as it was sent.
struct ListText {
    version: u64,
    entries: Arc<[ListEntry]>,
    /// The durations of the entries.
    durations: Vec<ListedDuration>,
    body: Bytes,
}

/// What an entry shows, and how its duration is read.
struct ListEntry {
    order: u64,
    info: Arc<CallInfo>,
    is_paused: bool,
    rule: DurationRule,
    readings: ReadingsHandle,
}

/// A duration in the body.
#[derive(Clone, Copy)]
struct ListedDuration {
    seconds: u64,
    begin: usize,
    end: usize,
}

impl ActiveList {
    /// The list as it is now, if only its durations may have changed since the last one.
    pub fn current(&self, recorder: &dyn Recorder, now_ms: i64) -> Result<Option<Bytes>> {
        // The same version says that no change has returned since the kept list was read, so the
        // kept list is also a list of this moment.
        let version = recorder.live_version()?;
        let Some(text) = self.known().filter(|text| text.version == version) else {
            return Ok(None);
        };
        let changes = text.changed_durations(now_ms);
        if changes.is_empty() {
            return Ok(Some(text.body.clone()));
        }
        let text = Arc::new(text.with_durations(&changes));
        let body = text.body.clone();
        self.keep(text);
        Ok(Some(body))
    }

    /// Reads all recordings. Takes long if there are many.
    pub fn read(&self, recorder: &dyn Recorder, config: &Config, now_ms: i64) -> Result<Bytes> {
        let list = recorder.list_live()?;
        let text = Arc::new(ListText::of(list, self.known().as_deref(), config, now_ms));
        let body = text.body.clone();
        self.keep(text);
        Ok(body)
    }

    fn known(&self) -> Option<Arc<ListText>> {
        let mut kept = self.kept.lock();
        kept.was_used = true;
        kept.text.clone()
    }

    fn keep(&self, text: Arc<ListText>) {
        let mut kept = self.kept.lock();
        let is_keepable = !kept.is_closed && text.entries.len() <= KEPT_MAX;
        let before = std::mem::replace(&mut kept.text, is_keepable.then_some(text));
        drop(kept);
        if before.is_none() && is_keepable {
            self.filled.notify_one();
        }
    }

    /// Keeps nothing from now on.
    pub fn close(&self) {
        let mut kept = self.kept.lock();
        kept.is_closed = true;
        let before = kept.text.take();
        drop(kept);
        drop(before);
    }

    /// Drops the kept list once nobody lists any more, because it keeps ended recordings in memory.
    /// Sleeps while nothing is kept.
    pub async fn forget_unused(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let forget = async {
            loop {
                self.filled.notified().await;
                loop {
                    tokio::time::sleep(UNUSED).await;
                    if self.forget_if_unused() {
                        break;
                    }
                }
            }
        };
        tokio::select! {
            () = forget => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    fn forget_if_unused(&self) -> bool {
        let mut kept = self.kept.lock();
        if std::mem::take(&mut kept.was_used) {
            return false;
        }
        let before = kept.text.take();
        drop(kept);
        drop(before);
        true
    }
}

impl ListText {
    /// Copies from `known` the texts of the recordings that it shows in the same state.
    fn of(list: LiveList, known: Option<&ListText>, config: &Config, now_ms: i64) -> ListText {
        let count = list.recordings.len();
        let mut body = String::with_capacity(2 + count * 320);
        let (mut entries, mut durations) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut dates = DateFormatter::default();
        // Both lists are in the order of the starts.
        let mut position = 0;
        body.push('[');
        for ListedRecording { mut view, readings } in list.recordings {
            if !entries.is_empty() {
                body.push(',');
            }
            let rule = DurationRule::of(&view, config);
            view.readings.duration_ms = rule.duration_ms(&view.readings, now_ms);
            let is_paused = view.state == RecordingState::Paused;
            let fragment = known.and_then(|known| {
                let entry = known.entry_of(view.order, &mut position)?;
                let is_same = entry.is_paused == is_paused && Arc::ptr_eq(&entry.info, &view.info);
                is_same.then(|| known.fragment(position))
            });
            let begin = body.len() + DURATION_OFFSET;
            let seconds = view.readings.duration_ms / 1000;
            let end = match fragment {
                Some((head, tail)) => {
                    body.push_str(head);
                    iso_seconds(&mut body, seconds);
                    let end = body.len();
                    body.push_str(tail);
                    end
                }
                None => active::active_recording(&mut body, &view, ExtraMembers::None, &mut dates),
            };
            durations.push(ListedDuration { seconds, begin, end });
            entries.push(ListEntry {
                order: view.order,
                info: view.info,
                is_paused,
                rule,
                readings,
            });
        }
        body.push(']');
        ListText {
            version: list.version,
            entries: entries.into(),
            durations,
            body: body.into(),
        }
    }

    /// The entry of the recording that started at `order`, searched from `position` on.
    fn entry_of(&self, order: u64, position: &mut usize) -> Option<&ListEntry> {
        while self.entries.get(*position)?.order < order {
            *position += 1;
        }
        self.entries.get(*position).filter(|entry| entry.order == order)
    }

    /// The text of an entry before and after its duration.
    fn fragment(&self, position: usize) -> (&str, &str) {
        let duration = self.durations[position];
        let next = self.durations.get(position + 1);
        // A comma follows, or the closing bracket.
        let end = next.map_or(self.body.len(), |next| next.begin - DURATION_OFFSET) - 1;
        let text = |range: Range<usize>| std::str::from_utf8(&self.body[range]).unwrap_or_default();
        (
            text(duration.begin - DURATION_OFFSET..duration.begin),
            text(duration.end..end),
        )
    }

    /// The entries whose duration shows other seconds now, and these.
    fn changed_durations(&self, now_ms: i64) -> Vec<(usize, u64)> {
        let entries = self.entries.iter().zip(&self.durations).enumerate();
        let changed = entries.filter_map(|(position, (entry, duration))| {
            let seconds = entry.rule.duration_ms(&entry.readings.now(), now_ms) / 1000;
            (seconds != duration.seconds).then_some((position, seconds))
        });
        changed.collect()
    }

    /// The same list with other durations. Copies the text between them as it is.
    fn with_durations(&self, changes: &[(usize, u64)]) -> ListText {
        let mut body = Vec::with_capacity(self.body.len() + changes.len() * GROWTH);
        let mut durations = Vec::with_capacity(self.durations.len());
        let mut changes = changes.iter().copied().peekable();
        let (mut copied, mut text) = (0, String::new());
        for (position, duration) in self.durations.iter().copied().enumerate() {
            let change = changes.next_if(|(changed, _)| *changed == position);
            durations.push(match change {
                None => ListedDuration {
                    begin: duration.begin - copied + body.len(),
                    end: duration.end - copied + body.len(),
                    ..duration
                },
                Some((_, seconds)) => {
                    body.extend_from_slice(&self.body[copied..duration.begin]);
                    copied = duration.end;
                    text.clear();
                    iso_seconds(&mut text, seconds);
                    let begin = body.len();
                    body.extend_from_slice(text.as_bytes());
                    let end = body.len();
                    ListedDuration { seconds, begin, end }
                }
            });
        }
        body.extend_from_slice(&self.body[copied..]);
        ListText {
            version: self.version,
            entries: self.entries.clone(),
            durations,
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests;
