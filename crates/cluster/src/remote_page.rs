//! Recordings of other nodes, as Redis lists them.

use callrec_core::calls::{Filter, RecordingView};
use callrec_core::types::Result;

use super::entry;
use super::link::ClusterLink;
use super::shared_registry::RedisTime;

/// Recordings in one call of Redis.
const PAGE: usize = 1000;

/// The recordings of other nodes that match a filter, or a part of them.
pub struct RemotePage {
    pub views: Vec<RecordingView>,
    /// Where the next page begins. `None`: this is the last one.
    pub next: Option<String>,
    pub time: RedisTime,
}

impl RemotePage {
    /// Reads from the place `after` on, until there are `limit` recordings. `own` is this node.
    pub async fn read(
        link: &ClusterLink,
        filter: &Filter,
        own: &str,
        mut after: String,
        limit: usize,
    ) -> Result<RemotePage> {
        let registry = link.registry()?;
        let indexes = entry::indexes_of_filter(filter);
        let mut views = Vec::new();
        loop {
            let wanted = PAGE.min(limit.saturating_sub(views.len()));
            let page = registry.list(&indexes, &after, wanted).await;
            let page = page.map_err(|error| link.failure(&error))?;
            for row in page.rows.iter().filter(|row| row.node != own) {
                match entry::view_of(row) {
                    // An index has the beginning of a long value only.
                    Some(view) if filter.matches(&view.info) => views.push(view),
                    Some(_) => {}
                    None => link.note_damage("a recording"),
                }
            }
            let time = page.time;
            match page.next {
                Some(next) if views.len() < limit => after = next,
                next => return Ok(RemotePage { views, next, time }),
            }
        }
    }
}
