//! Changes of the policies of lines, and what they mean for live calls.

use super::filter::Filter;
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules;
use crate::text::Text;
use crate::types::Result;

impl Registry {
    /// Replaces the line's policy. Returns the calls whose automatic recording is to start now.
    pub fn set_line(&self, device: &Text, number: &Text, flags: u32) -> Result<Vec<u64>> {
        let mut inner = self.lock();
        inner.policies.set(device, number, flags)?;
        let now_ns = self.now_ns();
        let on_line = inner.follow_policies(&Filter::line(device, number), now_ns);
        if flags & rules::AUTOMATIC == 0 {
            return Ok(Vec::new());
        }
        let newly_pending = on_line
            .into_iter()
            .filter(|call| inner.request_automatic(*call, now_ns));
        Ok(newly_pending.collect())
    }

    pub fn remove_line(&self, device: &Text, number: &Text) {
        let mut inner = self.lock();
        inner.policies.remove(device, number);
        inner.follow_policies(&Filter::line(device, number), self.now_ns());
    }
}

impl RegistryState {
    /// Follows a change of the policies that apply to these calls. Returns the calls.
    fn follow_policies(&mut self, filter: &Filter, now_ns: u64) -> Vec<u64> {
        let on_line = self.matching(filter);
        for number in &on_line {
            if let Some(call) = self.calls.get_mut(number) {
                call.follow_line(self.policies.of(&call.info), now_ns);
            }
        }
        on_line
    }
}
