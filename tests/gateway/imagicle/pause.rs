//! `PUT …/Pause` and `PUT …/Resume`, by id and by number.

use callrec::capi::*;

use super::*;
use crate::support::Start;

fn put(house: &House, what: &str) -> (u16, Value) {
    status(house, "admin", "PUT", &format!("LiveRecordings{what}"))
}

fn is_paused(house: &House) -> Vec<bool> {
    let (_, list) = as_admin(house, "GET", "LiveRecordings", "");
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["isPaused"].as_bool().unwrap()).collect()
}

#[test]
fn pause_and_resume_by_id() {
    let house = House::open(&[]);
    let id = on_first(&house);
    assert_eq!(put(&house, &format!("/{id}/Resume")), none(429), "it records");
    assert_eq!(put(&house, &format!("/{id}/Pause")), none(204));
    assert_eq!(is_paused(&house), [true]);
    assert_eq!(put(&house, &format!("/{id}/pause")), none(429), "it is paused");
    assert_eq!(put(&house, &format!("/{id}/RESUME/")), none(204));
    assert_eq!(is_paused(&house), [false]);
}

#[test]
fn pause_by_what_is_no_guid_is_400_and_of_what_is_not_live_409() {
    let house = House::open(&[]);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&house, &format!("/x/{verb}")), reason(0));
        assert_eq!(put(&house, &format!("/{NOBODYS}/{verb}")), none(409));
    }
}

#[test]
fn pause_by_number_acts_on_all_recordings_of_the_line() {
    let house = House::open(&[]);
    on_first(&house);
    let more = Start {
        device: Some(DEVICE),
        flags: REC_START_ADDITIONAL,
        ..Start::default()
    };
    let more = house.engine.start(None, &more).unwrap();
    assert_eq!(put(&house, "/Pause?directoryNumber=101"), none(204));
    assert_eq!(is_paused(&house), [true, true]);
    assert_eq!(put(&house, "/Pause?directoryNumber=101"), none(429));
    assert_eq!(put(&house, &format!("/{more}/Resume")), none(204));
    assert_eq!(put(&house, "/Pause?directoryNumber=101"), none(204), "one of two");
    assert_eq!(put(&house, "/Resume?directoryNumber=101"), none(204));
    assert_eq!(is_paused(&house), [false, false]);
    assert_eq!(put(&house, "/Resume?directoryNumber=101"), none(429));
}

#[test]
fn pause_without_a_number_is_400_and_knows_no_device() {
    let house = House::open(&[]);
    on_first(&house);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&house, &format!("/{verb}")), reason(0));
        assert_eq!(put(&house, &format!("/{verb}?deviceName={DEVICE}")), reason(0));
        assert_eq!(put(&house, &format!("/{verb}?directoryNumber=102")), none(409));
    }
}

#[test]
fn pause_below_level_10_is_403_even_of_ones_own_call() {
    let house = House::open(&[]);
    let id = on_first(&house);
    for what in [
        format!("/{id}/Pause"),
        format!("/{id}/Resume"),
        "/x/Pause".to_owned(),
        "/Pause?directoryNumber=101".to_owned(),
        "/Resume?directoryNumber=101".to_owned(),
        "/Pause".to_owned(),
    ] {
        let path = format!("LiveRecordings{what}");
        assert_eq!(status(&house, "user1", "PUT", &path), none(403), "{what}");
    }
    assert_eq!(is_paused(&house), [false]);
}

/// The marks are about starting and stopping.
#[test]
fn pause_heeds_no_marks() {
    let house = House::open(&[]);
    on_first(&house);
    let marks = REC_LINE_NOT_MONITORABLE | REC_LINE_AUTOMATIC;
    house.engine.line(None, Some("101"), marks).unwrap();
    assert_eq!(put(&house, "/Pause?directoryNumber=101"), none(204));
}
