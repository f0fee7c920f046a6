//! Child processes that run one test of the present test program, and are killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::wait::PATIENCE;

/// A command that runs the ignored test `name` of this program and shows its output.
pub fn child_test(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// A child process that reports lines to its parent: whatever follows an "@" on a line of its
/// standard output. It is killed when this value is dropped.
pub struct ChildProcess {
    process: Child,
    reports: Receiver<String>,
    read: Vec<String>,
}

impl ChildProcess {
    pub fn spawn(command: &mut Command) -> ChildProcess {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child process");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, reports) = channel();
        std::thread::spawn(move || {
            loop {
                let mut line = String::new();
                match output.read_line(&mut line) {
                    // The kill may have cut the last line off.
                    Ok(length) if length > 0 && line.ends_with('\n') => {
                        if let Some((_, report)) = line.trim_end().split_once('@')
                            && sender.send(report.to_owned()).is_err()
                        {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        });
        ChildProcess {
            process,
            reports,
            read: Vec::new(),
        }
    }

    /// Reads reports until one matches that was not read before. Panics when the child has
    /// ended, or after [`PATIENCE`].
    #[track_caller]
    pub fn wait_for_report(&mut self, matches: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let report = self.reports.recv_timeout(left).expect("a report of the child");
            self.read.push(report.clone());
            if matches(&report) {
                return report;
            }
        }
    }

    /// Whether a report that begins with `begin` has come so far. Never waits.
    pub fn has_reported(&mut self, begin: &str) -> bool {
        self.read.extend(self.reports.try_iter());
        self.read.iter().any(|report| report.starts_with(begin))
    }

    /// Reads reports for `time`.
    pub fn read_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok(report) = self
            .reports
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.read.push(report);
        }
    }

    /// Kills the child, unless it has killed itself already. Returns all reports. Panics if
    /// the child has ended otherwise.
    pub fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("a child to kill");
        let status = self.process.wait().expect("an exit status");
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(status.signal(), Some(9), "the child was not killed: {status}");
        }
        assert!(!status.success(), "the child was not killed: {status}");
        while let Ok(report) = self.reports.recv() {
            self.read.push(report);
        }
        std::mem::take(&mut self.read)
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "runs in a child process"]
    fn child_reports() {
        println!("\n@first\nno report\n@second");
        std::thread::sleep(PATIENCE);
    }

    #[test]
    fn reports_are_read_until_the_kill() {
        let mut child = ChildProcess::spawn(&mut child_test("child::tests::child_reports"));
        assert_eq!(child.wait_for_report(|report| report.starts_with('s')), "second");
        child.read_for(Duration::from_millis(1));
        assert_eq!(child.kill(), ["first", "second"]);
    }
}
