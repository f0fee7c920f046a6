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
    fn set_held(&self, _is_held: bool) {}

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
            raw: Default::default(),
            held: false,
            started_at_ms: self.order as i64 * 777,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings::default(),
            node: callrec_core::text::Text::default(),
            is_unreachable: false,
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
    let (mut changes, mut growths) = (0, 0);
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
                growths += 1;
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
    assert!(changes > 100 && growths > 100, "{changes} {growths}");
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
