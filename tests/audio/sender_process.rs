//! Programs that send audio.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use callrec_testkit::wait::until_some;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The process of a sender, which is killed when this value is dropped. Its output goes to a file.
pub struct SenderProcess {
    process: Mutex<Child>,
}

impl SenderProcess {
    pub fn spawn(command: &mut Command, output: &Path) -> SenderProcess {
        let file = File::create(output).expect("a file");
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        SenderProcess {
            process: Mutex::new(process),
        }
    }

    fn exit(&self) -> Option<ExitStatus> {
        let mut process = self.process.lock().expect("no thread has panicked");
        process.try_wait().expect("a child of this process")
    }

    pub fn has_ended(&self) -> bool {
        self.exit().is_some()
    }

    /// Requests an orderly end (SIGTERM).
    pub fn terminate(&self) {
        let process = self.process.lock().expect("no thread has panicked");
        let id = Pid::from_raw(process.id() as i32);
        kill(id, Signal::SIGTERM).expect("a process that has not been waited for");
    }

    pub fn wait_for_success(&self) {
        let exit = until_some("the sender ends", || self.exit().ok_or("it runs"));
        assert!(exit.success(), "{exit}");
    }
}

impl Drop for SenderProcess {
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
