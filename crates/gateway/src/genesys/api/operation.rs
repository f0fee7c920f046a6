//! The recording operations, by the names that a call's capabilities list.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Start,
    Stop,
    Pause,
    Resume,
}

impl Operation {
    pub const ALL: [Operation; 4] = [
        Operation::Start,
        Operation::Stop,
        Operation::Pause,
        Operation::Resume,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Operation::Start => "StartCallRecording",
            Operation::Stop => "StopCallRecording",
            Operation::Pause => "PauseCallRecording",
            Operation::Resume => "ResumeCallRecording",
        }
    }
}
