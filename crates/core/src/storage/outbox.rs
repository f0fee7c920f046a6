//! Callbacks that are owed: a paper each in `.callrec/outbox`, on disk before the
//! recording's end is told, and removed when the callback was answered.
//!
//! Who delivers them is above; here they are only kept. One that was answered while
//! the end was not told yet leaves its name with the ending `.done` until that is
//! told, so that a crash in between does not let it be owed again.

use super::faults::Step;
use super::os::{self, Dir};
use super::papers::{self, live_name, next_name, removed};
use super::{LOG_ERROR, LOG_WARNING, Manifest, Store};
use crate::clock;
use crate::words::EndReason;
use serde::{Deserialize, Serialize};
use std::io;
use uuid::Uuid;

const OUTBOX: &str = "outbox";

/// Who is to be called back, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    pub url: String,
    /// `GET` or `POST`
    pub method: String,
    /// Whose key signs it; empty: nobody's.
    pub account: String,
    /// Of the request that asked for the recording.
    pub api_id: String,
    /// Whose form it has.
    pub dialect: String,
}

/// One paper: the recording as it was published, with its callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    pub queued_at_ms: i64,
    pub recording: Manifest,
}

fn done_name(id: Uuid) -> String {
    format!("{}.done", id.as_hyphenated())
}

impl Store {
    /// Tells a recording's end, after what is owed for it is on disk.
    pub(super) fn tell(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        let owed = self.guarded(|| self.owe(id, &manifest));
        let owed = owed.unwrap_or_else(|| Err(io::Error::other("internal error")));
        if let Err(error) = &owed {
            // The next open tries again.
            self.unsettled.lock().insert(id);
            self.report
                .log(LOG_ERROR, format!("{id}: its callback cannot be kept: {error}"));
        }
        self.report.published(id, manifest, repeated);
        if owed.unwrap_or(false) {
            self.report.owed(id);
        }
    }

    /// Writes the paper, unless there is nothing to call back for, or there is one.
    fn owe(&self, id: Uuid, manifest: &Manifest) -> io::Result<bool> {
        let unpublished = self.unsettled.lock().contains(&id);
        if manifest.callback.is_none() || manifest.end_reason_is(EndReason::Discarded) || unpublished {
            return Ok(false);
        }
        let mut recording = manifest.clone();
        recording.spans = Vec::new();
        let owed = Owed {
            queued_at_ms: clock::unix_ms(),
            recording,
        };
        let bytes = serde_json::to_vec(&owed)?;
        let outbox = self.outbox()?;
        if outbox.exists(&live_name(id))? || outbox.exists(&done_name(id))? {
            return Ok(false);
        }
        let next = next_name(id);
        removed(outbox.remove(&next))?;
        self.hook.at(Step::WriteOutbox)?;
        let file = outbox.create_new(&next)?;
        os::write_all_at(&file, &bytes, 0)?;
        if self.syncs() {
            file.sync_data()?;
        }
        self.hook.at(Step::PlaceOutbox)?;
        outbox.rename_over(&next, outbox, &live_name(id))?;
        if self.syncs() {
            outbox.sync()?;
        }
        Ok(true)
    }

    fn outbox(&self) -> io::Result<&Dir> {
        self.outbox.get_or_try_init(|| {
            let outbox = self.control.sub_or_new(OUTBOX)?;
            self.check_below(&outbox, OUTBOX)?;
            if self.syncs() {
                self.control.sync()?;
            }
            Ok(outbox)
        })
    }

    /// The ids of all callbacks that are owed.
    pub fn owed_callbacks(&self) -> io::Result<Vec<Uuid>> {
        self.hook.at(Step::ListOutbox)?;
        match self.control.exists(OUTBOX) {
            Ok(true) => {}
            other => return other.map(|_| Vec::new()),
        }
        let outbox = self.outbox()?;
        for entry in outbox.list()? {
            let done = entry.name.strip_suffix(".done");
            if let Some(id) = done.and_then(|id| Uuid::try_parse(id).ok())
                && !self.control.exists(&live_name(id))?
            {
                removed(outbox.remove(&entry.name))?;
            }
        }
        papers::list(outbox)
    }

    /// What one of them says; `None`: it is not owed any more, or says nothing and was
    /// put aside.
    pub fn owed_callback(&self, id: Uuid) -> io::Result<Option<Owed>> {
        self.hook.at(Step::ReadOutbox)?;
        let outbox = self.outbox()?;
        let Some(bytes) = self.read_own(outbox, &live_name(id))? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(owed) => Ok(Some(owed)),
            Err(error) => {
                self.put_aside(outbox, id)?;
                let message = format!("{id}: its callback is unreadable and put aside: {error}");
                self.report.log(LOG_ERROR, message);
                Ok(None)
            }
        }
    }

    /// It was answered, or given up.
    pub fn callback_done(&self, id: Uuid) -> io::Result<()> {
        let outbox = self.outbox()?;
        match outbox.rename_over(&live_name(id), outbox, &done_name(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        if self.control.exists(&live_name(id))? {
            return Ok(());
        }
        removed(outbox.remove(&done_name(id)))
    }

    /// The end was told: it will not be owed again.
    pub(super) fn forget_answered(&self, id: Uuid) {
        let Some(outbox) = self.outbox.get() else { return };
        if let Err(error) = removed(outbox.remove(&done_name(id))) {
            self.report
                .log(LOG_WARNING, format!("{id}: not removed from the outbox: {error}"));
        }
    }
}
