//! A consumer of ends, as in `examples-c/cluster`: it acts, remembers the id, and acknowledges.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::Value;
use tokio::time::sleep;

use super::judge::Judge;
use super::reply::{members, text_of};
use super::sim_connector::{ClientEnd, SimConnector};
use super::tenures::STREAM;

const POLL: Duration = Duration::from_millis(150);
const RETRY: Duration = Duration::from_millis(300);

/// The ids that a consumer has acted on. They survive its processes.
pub type RememberedIds = Arc<Mutex<BTreeSet<String>>>;

/// Consumes until the process is killed.
pub async fn consume(group: &'static str, connector: SimConnector, judge: Arc<Judge>, known: RememberedIds) {
    loop {
        if let Ok(connection) = connector.open().await {
            // It exists, except for the first time and after a loss of data.
            let create = ["XGROUP", "CREATE", STREAM, group, "0", "MKSTREAM"];
            let _ = call(&connection, &create).await;
            while read(group, &connection, &judge, &known).await.is_ok() {
                sleep(POLL).await;
            }
        }
        sleep(RETRY).await;
    }
}

async fn call(connection: &ClientEnd, args: &[&str]) -> redis::RedisResult<Value> {
    connection
        .send(args.iter().map(|arg| (*arg).to_owned()).collect())
        .await
}

/// Reads what it was given and has not acknowledged, and then what is new.
async fn read(
    group: &str,
    connection: &ClientEnd,
    judge: &Judge,
    known: &RememberedIds,
) -> redis::RedisResult<()> {
    for from in ["0", ">"] {
        let read = [
            "XREADGROUP",
            "GROUP",
            group,
            "c",
            "COUNT",
            "10",
            "STREAMS",
            STREAM,
            from,
        ];
        for entry in members(&call(connection, &read).await?) {
            let [entry, fields] = members(entry) else {
                continue;
            };
            let fields: Vec<String> = members(fields).iter().map(text_of).collect();
            let id = fields.iter().skip_while(|field| *field != "id").nth(1);
            let id = id.filter(|id| !id.is_empty());
            if let Some(id) = id.filter(|id| known.lock().insert((*id).clone())) {
                judge.note_act(group, id);
            }
            call(connection, &["XACK", STREAM, group, &text_of(entry)]).await?;
        }
    }
    Ok(())
}
