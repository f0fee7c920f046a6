//! Limits the sessions of one browser that have a connect held concurrently. A browser opens about
//! six connections to a host, so if every tab held one, none would be left for other requests.

use std::collections::HashMap;

use callrec_core::sync::Mutex;

/// For each browser, the sessions with held connects and the number of those. A session may have
/// two for a moment, until the superseded one has been answered.
pub struct BrowserLimits {
    held: Mutex<HashMap<String, Vec<(String, u32)>>>,
    max_sessions: usize,
}

impl BrowserLimits {
    pub fn new(max_sessions: usize) -> BrowserLimits {
        BrowserLimits {
            held: Mutex::default(),
            max_sessions,
        }
    }

    /// Permits holding a connect of this session, or returns `None` when the browser's limit is
    /// reached. With `may_wait` false the limit is only checked. Clients without a cookie are
    /// always permitted, since it is not known which share a browser.
    pub fn permit(&self, browser: Option<String>, session: &str, may_wait: bool) -> Option<HoldPermit<'_>> {
        let Some(browser) = browser else {
            return Some(HoldPermit(None));
        };
        let mut held = self.held.lock();
        let sessions = held.get(&browser).map_or(&[][..], Vec::as_slice);
        let is_holding = sessions.iter().any(|(id, _)| id == session);
        if !is_holding && sessions.len() >= self.max_sessions {
            return None;
        }
        if !may_wait {
            return Some(HoldPermit(None));
        }
        let sessions = held.entry(browser.clone()).or_default();
        match sessions.iter_mut().find(|(id, _)| id == session) {
            Some((_, connects)) => *connects += 1,
            None => sessions.push((session.to_owned(), 1)),
        }
        Some(HoldPermit(Some(CountedConnect {
            browsers: self,
            browser,
            session: session.to_owned(),
        })))
    }
}

/// Ends the count when dropped.
pub struct HoldPermit<'a>(#[allow(dead_code, reason = "kept for its end")] Option<CountedConnect<'a>>);

struct CountedConnect<'a> {
    browsers: &'a BrowserLimits,
    browser: String,
    session: String,
}

impl Drop for CountedConnect<'_> {
    fn drop(&mut self) {
        let mut held = self.browsers.held.lock();
        let Some(sessions) = held.get_mut(&self.browser) else {
            return;
        };
        if let Some((_, connects)) = sessions.iter_mut().find(|(id, _)| *id == self.session) {
            *connects -= 1;
        }
        sessions.retain(|(_, connects)| *connects > 0);
        if sessions.is_empty() {
            held.remove(&self.browser);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn one_session_of_a_browser_holds_a_connect_at_a_time() {
        let browsers = BrowserLimits::new(1);
        let first = browsers.permit(browser("a"), "1", true);
        assert!(first.is_some());
        assert!(browsers.permit(browser("a"), "2", true).is_none());
        assert!(
            browsers.permit(browser("b"), "3", true).is_some(),
            "another browser"
        );
        // A later connect of a session replaces its earlier one.
        let later = browsers.permit(browser("a"), "1", true);
        assert!(later.is_some());
        drop(first);
        assert!(browsers.permit(browser("a"), "2", true).is_none());
        drop(later);
        assert!(browsers.permit(browser("a"), "2", true).is_some());
        assert!(browsers.held.lock().is_empty());
        // A connect that does not wait counts for nothing.
        let short_poll = browsers.permit(browser("a"), "1", false);
        assert!(short_poll.is_some() && browsers.permit(browser("a"), "2", true).is_some());
    }

    #[test]
    fn a_client_without_a_cookie_always_gets_a_permit() {
        let browsers = BrowserLimits::new(1);
        let permits: Vec<_> = ["1", "2", "3"]
            .iter()
            .map(|session| browsers.permit(None, session, true))
            .collect();
        assert!(permits.iter().all(Option::is_some));
    }
}
