//! Metadata in a recording's file.

use uuid::Uuid;

/// What a file says about its recording. Empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The id of the recording. Recovery identifies the file by it.
    pub recording: Uuid,
    pub call_id: String,
    /// The party on our side: its number, or its device.
    pub local: String,
    /// The number of the other party.
    pub remote: String,
    /// The time of the start, RFC 3339.
    pub started_at: String,
}

/// The most bytes of one text in a file, so that a header has room for all of them.
const TEXT_MAX: usize = 256;

impl Tags {
    /// The tags of a recording of which only the id is known.
    pub fn of(recording: Uuid) -> Tags {
        Tags {
            recording,
            ..Tags::default()
        }
    }

    /// The tags as the comments of FLAC and Ogg files: field names and texts of at most 256 bytes.
    pub fn comments(&self) -> Vec<(&'static str, String)> {
        let mut all = self.unclipped().to_vec();
        all.extend([
            ("CALL_ID", self.call_id.clone()),
            ("LOCAL_PARTY", self.local.clone()),
            ("REMOTE_PARTY", self.remote.clone()),
            ("RECORDING_ID", self.recording.as_hyphenated().to_string()),
        ]);
        all.into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name, clip(&text).to_owned()))
            .collect()
    }

    /// The title, the artist and the date, as in [`Tags::comments`] but each on one line: the fields
    /// that WAV and AU files have names for.
    pub(crate) fn basic(&self) -> impl Iterator<Item = (&'static str, String)> {
        let known = self.unclipped().into_iter().filter(|(_, text)| !text.is_empty());
        known.map(|(name, text)| (name, clip(&text).replace(char::is_control, " ")))
    }

    /// The fields of [`Tags::basic`], of any length. What is not known is empty.
    fn unclipped(&self) -> [(&'static str, String); 3] {
        let parties: Vec<&str> = [&*self.local, &*self.remote]
            .into_iter()
            .filter(|party| !party.is_empty())
            .collect();
        let title = match self.call_id.is_empty() {
            true => String::new(),
            false => format!("Call {}", self.call_id),
        };
        [
            ("TITLE", title),
            ("ARTIST", parties.join(", ")),
            ("DATE", self.started_at.clone()),
        ]
    }
}

/// The first characters of a text, at most [`TEXT_MAX`] bytes, without control characters behind
/// which a reader may see nothing.
fn clip(text: &str) -> &str {
    let end = (0..=text.len().min(TEXT_MAX))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let clipped = &text[..end];
    clipped.split('\0').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_short_and_never_empty() {
        let tags = Tags {
            call_id: "é".repeat(200),
            remote: "+49\x001".to_owned(),
            ..Tags::of(Uuid::from_u128(7))
        };
        let comments = tags.comments();
        let text = |name: &str| {
            let found = comments.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| text.as_str())
        };
        assert_eq!(text("CALL_ID"), Some("é".repeat(128).as_str()));
        assert_eq!(text("TITLE").map(str::len), Some(255));
        assert_eq!((text("ARTIST"), text("REMOTE_PARTY")), (Some("+49"), Some("+49")));
        assert_eq!((text("LOCAL_PARTY"), text("DATE")), (None, None));
        assert_eq!(text("RECORDING_ID"), Some("00000000-0000-0000-0000-000000000007"));
    }
}
