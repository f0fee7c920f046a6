//! The limits on queued audio and on open files.

use super::*;

#[test]
fn a_stalled_disk_fills_the_backlog_up_to_its_limit() {
    for_each_format(stalled_disk_fills_the_backlog);
}

fn stalled_disk_fills_the_backlog(format: Format) {
    let mut config = config();
    config.backlog_ms = 1000;
    config.backlog_bytes = 40_000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let gate = Arc::new(Gate::default());
    gate.shut();
    let at = Arc::clone(&gate);
    let write = fixture.write_step();
    fixture.set_fault(move |step| {
        if step == write {
            at.pass();
        }
        Ok(())
    });
    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let mut files = ids.map(|id| fixture.begin(id, "call"));
    let mut expected = [Vec::new(), Vec::new(), Vec::new()];
    let mut refused = 0;
    for (file, expected) in files.iter_mut().zip(&mut expected) {
        file.shape(format, 8000, 1);
        for block in 0..20 {
            let audio = pattern(block, 1600);
            match file.write(audio.clone()) {
                Ok(()) => expected.extend_from_slice(&audio),
                Err(back) => {
                    assert_eq!(back, audio, "the whole block comes back");
                    file.fill(1600);
                    expected.resize(expected.len() + 1600, 0);
                    refused += 1600;
                }
            }
        }
    }
    assert_eq!(
        expected[0]
            .chunks(1600)
            .position(|block| block.iter().all(|byte| *byte == 0)),
        Some(10)
    );
    assert_eq!(fixture.store.backlog_bytes(), 40_000);
    assert_eq!(fixture.store.dropped_bytes(), refused);
    gate.open();
    for ((file, id), expected) in files.into_iter().zip(ids).zip(expected) {
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert_eq!(audio(&fixture.path(&published.file)), expected);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.store.backlog_bytes(), 0);
}

#[test]
fn few_handles_serve_many_recordings() {
    [Format::WAV_ULAW, PAGED]
        .into_iter()
        .for_each(few_handles_serve_many);
}

fn few_handles_serve_many(format: Format) {
    let mut config = config();
    config.max_open_files = 2;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let ids: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
    let mut files: Vec<ByteFile> = ids.iter().map(|id| fixture.begin(*id, "a/call")).collect();
    for round in 0..3u64 {
        for file in &mut files {
            if round == 0 {
                file.shape(format, 8000, 1);
            }
            file.write(pattern(round as usize, 500)).expect("backlog space");
        }
        fixture.wait_until_written((round + 1) * 500 * 20);
        assert!(fixture.store.open_files() <= 2);
    }
    for (file, id) in files.into_iter().zip(&ids) {
        file.finish(ended(*id, EndReason::CallEnded), true);
        let (published, _) = fixture.published(*id);
        assert_eq!(
            audio(&fixture.path(&published.file)),
            [pattern(0, 500), pattern(1, 500), pattern(2, 500)].concat()
        );
        assert_manifest_matches_file(&fixture, &published);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.store.open_files(), 0);
}
