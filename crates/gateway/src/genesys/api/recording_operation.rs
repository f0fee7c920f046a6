//! The recording operations and their names among a call's capabilities.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingOperation {
    Start,
    Stop,
    Pause,
    Resume,
}

impl RecordingOperation {
    pub const ALL: [RecordingOperation; 4] = [
        RecordingOperation::Start,
        RecordingOperation::Stop,
        RecordingOperation::Pause,
        RecordingOperation::Resume,
    ];

    pub fn name(self) -> &'static str {
        match self {
            RecordingOperation::Start => "StartCallRecording",
            RecordingOperation::Stop => "StopCallRecording",
            RecordingOperation::Pause => "PauseCallRecording",
            RecordingOperation::Resume => "ResumeCallRecording",
        }
    }
}
