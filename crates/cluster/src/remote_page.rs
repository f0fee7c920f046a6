//! Recordings of other nodes, as Redis lists them.

use callrec_core::calls::{Filter, RecordingView};
use callrec_core::memory;
use callrec_core::types::{Error, Result, Status};

use super::entry;
use super::link::ClusterLink;
use super::shared_registry::RedisTime;

/// Recordings in one call of Redis.
const PAGE: usize = 1000;
/// Recordings that one list may have, so that what is in Redis cannot exhaust the host's memory.
const LIST_MAX: usize = 250_000;

/// About as many bytes as a recording takes while a page is read: Redis' response, the rows and the views.
const READ_BYTES: u64 = 8192;
/// About as many bytes as a recording in a list takes, with the copies that its caller makes.
pub const LISTED_BYTES: u64 = 6144;

/// The recordings of other nodes that match a filter, or a part of them.
pub struct RemotePage {
    pub views: Vec<RecordingView>,
    /// Where the next page begins. `None`: this is the last one.
    pub next: Option<String>,
    pub time: RedisTime,
}

impl RemotePage {
    /// Reads from the place `after` on, until there are `limit` recordings. `own` is this node. Fails with `LIMIT`
    /// if `require_memory` refuses a page, or the list as its caller needs it.
    pub async fn read(
        link: &ClusterLink,
        require_memory: fn(u64) -> Result<()>,
        filter: &Filter,
        own: &str,
        mut after: String,
        limit: usize,
    ) -> Result<RemotePage> {
        let registry = link.registry()?;
        let indexes = entry::indexes_of_filter(filter);
        let mut views = Vec::new();
        loop {
            let wanted = next_count(views.len(), limit)?;
            require_memory(READ_BYTES * wanted as u64)?;
            let page = registry.list(&indexes, &after, wanted).await;
            let page = page.map_err(|error| link.failure(&error))?;
            if !page.is_complete {
                return Err(link.incomplete());
            }
            memory::grow_vec(&mut views, page.rows.len())?;
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
                next => {
                    require_memory(LISTED_BYTES * views.len() as u64)?;
                    return Ok(RemotePage { views, next, time });
                }
            }
        }
    }
}

/// How many recordings to ask for after the first `count`. Fails with `LIMIT` if the list is too long.
fn next_count(count: usize, limit: usize) -> Result<usize> {
    match count < LIST_MAX {
        true => Ok(PAGE.min(limit.min(LIST_MAX).saturating_sub(count))),
        false => Err(Error::new(
            Status::Limit,
            format!("more than {LIST_MAX} recordings match: read them page by page"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_parts_and_has_a_maximum() {
        assert_eq!(next_count(0, 5), Ok(5));
        assert_eq!(next_count(0, usize::MAX), Ok(PAGE));
        assert_eq!(next_count(1999, 2000), Ok(1));
        assert_eq!(next_count(LIST_MAX - 1, usize::MAX), Ok(1));
        let error = next_count(LIST_MAX, usize::MAX).expect_err("too long");
        assert_eq!(error.status, Status::Limit);
    }
}
