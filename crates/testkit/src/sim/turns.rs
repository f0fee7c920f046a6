//! Turns of the callers of a simulated disk. A part waits for a turn before each call, so that
//! other parts can run, and the process can die, between any two calls.

use std::backtrace::{Backtrace, BacktraceStatus};

/// This many calls without a turn are reported; the later ones are most likely the same.
const REPORTED: usize = 5;

/// The announced calls, and whether one may be made now.
pub struct Turns {
    /// When each announced call may be made; `None` after its turn.
    tickets: Vec<Option<u64>>,
    is_given: bool,
    /// The process opens the directory. Its calls need no turns yet.
    is_opening: bool,
    without: Vec<String>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns {
            tickets: Vec::new(),
            is_given: false,
            is_opening: true,
            without: Vec::new(),
        }
    }
}

impl Turns {
    /// Notes that another process opens the directory.
    pub fn begin_process(&mut self) {
        let without = std::mem::take(&mut self.without);
        *self = Turns {
            without,
            ..Turns::default()
        };
    }

    /// Notes that the process takes steps from now on.
    pub fn begin_steps(&mut self) {
        self.is_opening = false;
        self.end_step();
    }

    /// Notes the end of a step, which ends an unused turn.
    pub fn end_step(&mut self) {
        self.is_given = false;
    }

    /// Announces a call. Returns its ticket.
    pub fn announce(&mut self, due_ns: u64) -> u64 {
        self.tickets.push(Some(due_ns));
        self.tickets.len() as u64 - 1
    }

    /// Gives the turn for one call, or returns the time at which to ask again.
    pub fn ask(&mut self, ticket: u64, now_ns: u64) -> Result<(), u64> {
        let Some(ticket) = self.tickets.get_mut(ticket as usize) else {
            return Ok(());
        };
        match *ticket {
            Some(due_ns) if due_ns > now_ns && !self.is_opening => return Err(due_ns),
            _ => self.is_given = ticket.take().is_some(),
        }
        Ok(())
    }

    /// Notes that a call is made. `what` describes it.
    pub fn note_call(&mut self, what: impl FnOnce() -> String) {
        if std::mem::take(&mut self.is_given) || self.is_opening || self.without.len() == REPORTED {
            return;
        }
        let text = format!("a call of the disk without a turn: {}{}", what(), callers());
        self.without.push(text);
    }

    /// Descriptions of the calls without a turn.
    pub fn without(&self) -> &[String] {
        &self.without
    }
}

/// The source lines of storage that make the call; only with `RUST_BACKTRACE=1`.
fn callers() -> String {
    let trace = Backtrace::capture();
    if trace.status() != BacktraceStatus::Captured {
        return String::new();
    }
    let trace = trace.to_string();
    let places = trace.lines().map(str::trim);
    let own = places.filter(|line| line.starts_with("at ") && line.contains("core/src/storage/"));
    own.map(|line| format!("\n  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(turns: &mut Turns) {
        turns.note_call(|| "removes \"a\"".to_owned());
    }

    fn take_turn(turns: &mut Turns) {
        let ticket = turns.announce(5);
        assert_eq!(turns.ask(ticket, 4), Err(5));
        assert_eq!(turns.ask(ticket, 5), Ok(()));
    }

    #[test]
    fn a_second_call_in_one_turn_is_reported() {
        let mut turns = Turns::default();
        turns.begin_steps();
        take_turn(&mut turns);
        call(&mut turns);
        assert_eq!(turns.without().len(), 0);
        call(&mut turns);
        assert_eq!(turns.without().len(), 1);
        assert!(turns.without()[0].contains("removes \"a\""));
    }

    #[test]
    fn a_turn_ends_with_its_step_and_its_ticket_is_used() {
        let mut turns = Turns::default();
        turns.begin_steps();
        take_turn(&mut turns);
        turns.end_step();
        call(&mut turns);
        assert_eq!(turns.without().len(), 1);
        assert_eq!(turns.ask(0, 5), Ok(()));
        call(&mut turns);
        assert_eq!(turns.without().len(), 2);
    }

    #[test]
    fn no_turn_is_needed_before_the_process_takes_steps() {
        let mut turns = Turns::default();
        let ticket = turns.announce(5);
        assert_eq!(turns.ask(ticket, 0), Ok(()));
        call(&mut turns);
        call(&mut turns);
        assert_eq!(turns.without().len(), 0);
    }
}
