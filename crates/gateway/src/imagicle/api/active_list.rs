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

/// Longer lists are not kept. This many take five megabytes.
const KEPT_MAX: usize = 20_000;
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
    marks: Vec<DurationMark>,
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
struct DurationMark {
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
        let (mut entries, mut marks) = (Vec::with_capacity(count), Vec::with_capacity(count));
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
            marks.push(DurationMark { seconds, begin, end });
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
            marks,
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
        let mark = self.marks[position];
        let next = self.marks.get(position + 1);
        // A comma follows, or the closing bracket.
        let end = next.map_or(self.body.len(), |next| next.begin - DURATION_OFFSET) - 1;
        let text = |range: Range<usize>| std::str::from_utf8(&self.body[range]).unwrap_or_default();
        (
            text(mark.begin - DURATION_OFFSET..mark.begin),
            text(mark.end..end),
        )
    }

    /// The entries whose duration shows other seconds now, and these.
    fn changed_durations(&self, now_ms: i64) -> Vec<(usize, u64)> {
        let entries = self.entries.iter().zip(&self.marks).enumerate();
        let changed = entries.filter_map(|(position, (entry, mark))| {
            let seconds = entry.rule.duration_ms(&entry.readings.now(), now_ms) / 1000;
            (seconds != mark.seconds).then_some((position, seconds))
        });
        changed.collect()
    }

    /// The same list with other durations. Copies the text between them as it is.
    fn with_durations(&self, changes: &[(usize, u64)]) -> ListText {
        let mut body = Vec::with_capacity(self.body.len() + changes.len() * GROWTH);
        let mut marks = Vec::with_capacity(self.marks.len());
        let mut changes = changes.iter().copied().peekable();
        let (mut copied, mut text) = (0, String::new());
        for (position, mark) in self.marks.iter().copied().enumerate() {
            let change = changes.next_if(|(changed, _)| *changed == position);
            marks.push(match change {
                None => DurationMark {
                    begin: mark.begin - copied + body.len(),
                    end: mark.end - copied + body.len(),
                    ..mark
                },
                Some((_, seconds)) => {
                    body.extend_from_slice(&self.body[copied..mark.begin]);
                    copied = mark.end;
                    text.clear();
                    iso_seconds(&mut text, seconds);
                    let begin = body.len();
                    body.extend_from_slice(text.as_bytes());
                    let end = body.len();
                    DurationMark { seconds, begin, end }
                }
            });
        }
        body.extend_from_slice(&self.body[copied..]);
        ListText {
            version: self.version,
            entries: self.entries.clone(),
            marks,
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use uuid::Uuid;

    use super::*;
    use crate::imagicle::active::active_recordings;
    use callrec_core::calls::{Attachment, LineStay, Readings, RecordingSpec, RecordingView};
    use callrec_core::config::MediaClock;
    use callrec_core::text::Text;
    use callrec_core::types::{AudioSpec, Error, Format, Layout, PauseMode, Status};

    /// Audio of which only the duration is known, in ms.
    #[derive(Default)]
    struct ListedAudio(AtomicU64);

    impl Attachment for ListedAudio {
        fn readings(&self) -> Readings {
            Readings {
                duration_ms: self.0.load(SeqCst),
                ..Readings::default()
            }
        }

        fn update_call(&self, _: &Arc<CallInfo>, _: &Arc<Vec<LineStay>>) {}

        fn describe(&self, _: Option<(&Error, i64)>) -> String {
            String::new()
        }
    }

    /// Recordings that a test starts, changes and stops.
    #[derive(Default)]
    struct ListedRecordings {
        version: u64,
        order: u64,
        live: Vec<(RecordingView, Arc<ListedAudio>)>,
    }

    impl ListedRecordings {
        fn start(&mut self) {
            self.order += 1;
            let info = info(self.order);
            let view = RecordingView {
                id: Uuid::from_u128(u128::from(self.order) << 77 | 0xabc),
                order: self.order,
                call: self.order,
                previous: None,
                first_info: info.clone(),
                state: RecordingState::Recording,
                end_reason: None,
                error: Status::Ok,
                spec: RecordingSpec::new(AudioSpec {
                    layout: Layout::Mono,
                    format: Format::WAV,
                    pause_mode: PauseMode::Silence,
                    max_duration_ms: 0,
                    rate: 0,
                }),
                info,
                url: Text::default(),
                path: Text::default(),
                digest: Text::default(),
                started_at_ms: self.order as i64 * 777,
                ended_at_ms: 0,
                ended: 0,
                readings: Readings::default(),
            };
            self.live.push((view, Arc::default()));
            self.version += 1;
        }

        fn list(&self) -> LiveList {
            let recordings = self.live.iter().map(|(view, audio)| ListedRecording {
                view: RecordingView {
                    readings: audio.readings(),
                    ..view.clone()
                },
                readings: ReadingsHandle::new(audio.clone()),
            });
            LiveList {
                version: self.version,
                recordings: recordings.collect(),
            }
        }

        /// The list as it was made before any list was kept.
        fn made_anew(&self) -> String {
            let views: Vec<RecordingView> = self.list().recordings.into_iter().map(|one| one.view).collect();
            active_recordings(&views, ExtraMembers::None)
        }
    }

    /// A call with texts that need escaping.
    fn info(number: u64) -> Arc<CallInfo> {
        Arc::new(CallInfo {
            username: Text::from(format!("user{number}")),
            remote_first_name: Text::from(format!("\"Zo\u{eb}\" \\{}", number % 7)),
            remote_last_name: Text::from("\n,{\"id\":\"".repeat(number as usize % 3)),
            ..CallInfo::default()
        })
    }

    /// Durations are those of the readings alone.
    fn stream_time() -> Config {
        Config {
            clock: MediaClock::Stream,
            ..Config::default()
        }
    }

    /// Numbers that look random and are the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }
    }

    #[test]
    fn a_kept_list_is_the_same_as_one_made_anew() {
        let (config, mut numbers) = (stream_time(), Numbers(0x5eed));
        let mut now = ListedRecordings::default();
        let mut kept = ListText::of(now.list(), None, &config, 0);
        let (mut changes, mut durations) = (0, 0);
        for _ in 0..2_000 {
            let count = now.live.len() as u64;
            let position = numbers.below(count.max(1)) as usize;
            match numbers.below(10) {
                0 | 1 => now.start(),
                2 if count > 12 => drop(now.live.remove(position)),
                3 if count > 0 => now.live[position].0.state = RecordingState::Paused,
                4 if count > 0 => now.live[position].0.state = RecordingState::Recording,
                5 if count > 0 => now.live[position].0.info = info(numbers.below(1_000)),
                _ if count > 0 => {
                    let longest = [900, 9_000, 90_000, 9_000_000][numbers.below(4) as usize];
                    let more = numbers.below(longest);
                    now.live[position].1.0.fetch_add(more, SeqCst);
                    durations += 1;
                }
                _ => {}
            }
            if numbers.below(4) == 0 {
                // Some lists see several changes, and some see only other durations.
                changes += 1;
                now.version += 1;
                kept = ListText::of(now.list(), Some(&kept), &config, 0);
                assert_eq!(kept.body, now.made_anew());
            } else if kept.entries.len() == now.live.len() {
                let found = kept.changed_durations(0);
                kept = kept.with_durations(&found);
                assert_eq!(kept.changed_durations(0), []);
            }
        }
        assert!(changes > 100 && durations > 100, "{changes} {durations}");
    }

    #[test]
    fn other_durations_alone_are_the_same_as_a_list_made_anew() {
        let (config, mut numbers) = (stream_time(), Numbers(0xca11));
        let mut now = ListedRecordings::default();
        (0..40).for_each(|_| now.start());
        let mut kept = ListText::of(now.list(), None, &config, 0);
        for _ in 0..2_000 {
            for _ in 0..numbers.below(5) {
                let audio = &now.live[numbers.below(40) as usize].1;
                audio.0.fetch_add(numbers.below(70_000), SeqCst);
            }
            let changes = kept.changed_durations(0);
            let before = kept.body.clone();
            kept = kept.with_durations(&changes);
            assert_eq!(kept.body, now.made_anew());
            assert_eq!(kept.body == before, changes.is_empty());
        }
    }

    #[test]
    fn texts_of_unchanged_recordings_are_copied() {
        let config = stream_time();
        let mut now = ListedRecordings::default();
        (0..3).for_each(|_| now.start());
        let mut kept = ListText::of(now.list(), None, &config, 0);
        // A text that no list would have shows where it comes from.
        kept.body = String::from_utf8_lossy(&kept.body).replace("user", "USER").into();
        now.live[1].0.info = info(9);
        now.start();
        let list = ListText::of(now.list(), Some(&kept), &config, 0);
        let text = String::from_utf8_lossy(&list.body);
        // Each entry has the key "username".
        assert_eq!(text.matches("USER").count(), 4, "{text}");
        assert!(text.contains("USER1") && text.contains("USER3"), "{text}");
        assert!(text.contains("user9") && text.contains("user4"), "{text}");
    }

    fn text_of(count: u64) -> Arc<ListText> {
        let mut now = ListedRecordings::default();
        (0..count).for_each(|_| now.start());
        Arc::new(ListText::of(now.list(), None, &stream_time(), 0))
    }

    #[test]
    fn an_unused_list_is_dropped() {
        let list = ActiveList::default();
        list.keep(text_of(2));
        assert!(list.known().is_some());
        assert!(!list.forget_if_unused(), "it was used");
        assert!(list.forget_if_unused());
        assert!(list.known().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_drops_an_unused_list_and_ends_with_the_gateway() {
        let list = Arc::new(ActiveList::default());
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(list.clone().forget_unused(stopping));
        for _ in 0..2 {
            list.keep(text_of(1));
            while list.kept.lock().text.is_some() {
                tokio::time::sleep(UNUSED).await;
            }
        }
        stop.send_replace(true);
        task.await.expect("the task ends");
    }

    #[test]
    fn a_long_list_is_not_kept_and_neither_is_any_list_of_a_stopped_gateway() {
        let list = ActiveList::default();
        list.keep(text_of(KEPT_MAX as u64 + 1));
        assert!(list.known().is_none());
        list.keep(text_of(1));
        list.close();
        assert!(list.known().is_none());
        list.keep(text_of(1));
        assert!(list.known().is_none());
    }
}
