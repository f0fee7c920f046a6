//! One result from the results of several nodes.

use callrec_core::calls::ControlCounts;
use callrec_core::types::{Error, Result, Status};
use uuid::Uuid;

/// The result of one node, with the start and the id of its newest recording that the request
/// may apply to.
pub struct NodeOutcome {
    pub newest: Option<(i64, Uuid)>,
    pub result: Result<ControlCounts>,
}

/// Whether the result of this node is that of the cluster, whatever the others have.
pub fn is_final(status: Status) -> bool {
    matches!(
        status,
        Status::Unauthenticated | Status::NoTarget | Status::InvalidArgument | Status::Unavailable
    )
}

/// Whether a node found nothing to control.
pub fn found_nothing(status: Status) -> bool {
    matches!(status, Status::NotLive | Status::NoCall | Status::Forbidden)
}

/// The result of all nodes together. If nothing changed, it is the error about the newest
/// recording, as on one node.
pub fn merged(outcomes: Vec<NodeOutcome>) -> Result<ControlCounts> {
    let mut counts = ControlCounts::default();
    let mut succeeded = false;
    let mut errors = Vec::new();
    for NodeOutcome { newest, result } in outcomes {
        match result {
            Ok(more) => {
                succeeded = true;
                counts.changed += more.changed;
                counts.already += more.already;
                counts.refused += more.refused;
            }
            Err(error) => errors.push((!found_nothing(error.status), newest, error)),
        }
    }
    // A node that may have recordings, and did not respond, is not passed over in silence.
    let is_unanswered = |error: &Error| matches!(error.status, Status::Timeout | Status::Unavailable);
    let unanswered = errors.iter().find(|(_, _, error)| is_unanswered(error));
    match unanswered {
        Some((_, _, error)) if counts.changed == 0 => return Err(error.clone()),
        _ => {}
    }
    if succeeded {
        return Ok(counts);
    }
    // The first of equal ones is this node's.
    let error = errors
        .into_iter()
        .rev()
        .max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    Err(error.map_or_else(
        || Error::new(Status::NotLive, "no such live recording"),
        |(_, _, error)| error,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(changed: u32) -> Result<ControlCounts> {
        Ok(ControlCounts {
            changed,
            ..ControlCounts::default()
        })
    }

    fn refused(status: Status) -> Result<ControlCounts> {
        Err(Error::new(status, ""))
    }

    fn status(results: Vec<(Option<i64>, Result<ControlCounts>)>) -> std::result::Result<u32, Status> {
        let outcomes = results.into_iter().map(|(at, result)| NodeOutcome {
            newest: at.map(|at| (at, Uuid::nil())),
            result,
        });
        let merged = merged(outcomes.collect());
        merged.map(|counts| counts.changed).map_err(|error| error.status)
    }

    #[test]
    fn the_cluster_answers_as_one_node_would() {
        let nothing = || (None, refused(Status::NotLive));
        assert_eq!(status(vec![nothing(), (Some(5), counts(1))]), Ok(1));
        assert_eq!(status(vec![(Some(9), counts(1)), (Some(5), counts(2))]), Ok(3));
        assert_eq!(status(vec![nothing()]), Err(Status::NotLive));
        let newest = vec![
            nothing(),
            (Some(5), refused(Status::Automatic)),
            (Some(7), refused(Status::NotMonitorable)),
        ];
        assert_eq!(status(newest), Err(Status::NotMonitorable));
        let unanswered = vec![
            (None, refused(Status::Forbidden)),
            (Some(5), refused(Status::Timeout)),
        ];
        assert_eq!(status(unanswered), Err(Status::Timeout));
        assert_eq!(
            status(vec![(Some(9), counts(1)), (Some(5), refused(Status::Timeout))]),
            Ok(1)
        );
    }
}
