//! What one Redis does for a cluster: starts, ends, lists and leases.
//!
//! ```sh
//! cargo bench -p callrec-cluster --features redis --bench cluster_registry -- [--nodes N] [--recordings N]
//! ```

#[cfg(all(feature = "redis", unix))]
mod measure {
    use std::time::{Duration, Instant};

    use callrec_testkit::redis_server::RedisServer;
    use redis::{Connection, FromRedisValue};

    const PREFIX: &str = "{callrec}";
    /// Recordings in one call, as nodes write them.
    const BATCH: usize = 100;
    const PAGE: &str = "1000";
    const STARTS: usize = 5000;
    const CLIENTS: usize = 4;

    fn connect(server: &RedisServer) -> Connection {
        let client = redis::Client::open(server.url()).expect("a client");
        client.get_connection().expect("a connection")
    }

    fn call<T: FromRedisValue>(connection: &mut Connection, function: &str, args: &[String]) -> T {
        let mut call = redis::cmd("FCALL");
        call.arg(function).arg(1).arg(PREFIX).arg(args);
        call.query(connection).expect("the function")
    }

    /// A recording as a node writes it: place, JSON of the usual length, and four indexes.
    fn row(number: usize) -> [String; 3] {
        let place = format!(
            "{:016x}{:08x}{}",
            1_700_000_000_000_usize + number,
            number,
            uuid::Uuid::new_v4()
        );
        let json = format!("{{\"v\":1,\"number\":{number},\"text\":\"{}\"}}", "x".repeat(800));
        let (line, user) = (number / 2, number / 4);
        [
            place,
            json,
            format!("d:SEP{line}\0n:{line}\0u:user{user}\0c:call-{number}"),
        ]
    }

    fn given(name: &str, otherwise: usize) -> usize {
        let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
        arguments
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(otherwise)
    }

    fn register(connection: &mut Connection, nodes: usize) -> Vec<(String, String)> {
        let join = |number: usize| {
            let name = format!("node-{number}");
            let args = [name.as_str(), "a directory", "600000", "a process", ""].map(str::to_owned);
            let reply: Vec<String> = call(connection, "callrec_register", &args);
            (name, reply[1].clone())
        };
        (0..nodes).map(join).collect()
    }

    fn fill(connection: &mut Connection, nodes: &[(String, String)], recordings: usize) -> Duration {
        let mut spent = Duration::ZERO;
        for first in (0..recordings).step_by(BATCH) {
            let (name, epoch) = &nodes[first / BATCH % nodes.len()];
            let mut args = vec![name.clone(), epoch.clone()];
            args.extend((first..first + BATCH).flat_map(row));
            let begun = Instant::now();
            let _: String = call(connection, "callrec_upsert", &args);
            spent += begun.elapsed();
        }
        spent
    }

    /// Starts and then ends, one call each, by several clients.
    fn starts_and_ends(server: &RedisServer, nodes: &[(String, String)], from: usize) {
        let clients: Vec<Client> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn(move || Client::run(server, &nodes[client], from + client * STARTS))
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("a client"))
                .collect()
        });
        for (what, times) in [
            ("starts", |client: &Client| &client.starts),
            ("ends", |client: &Client| &client.ends),
        ] as [(&str, fn(&Client) -> &Vec<Duration>); 2]
        {
            let mut each: Vec<Duration> = clients.iter().flat_map(times).copied().collect();
            each.sort();
            let total: Duration = each.iter().sum();
            let (median, worst) = (each[each.len() / 2], each[each.len() * 99 / 100]);
            let rate = per_second(each.len() * CLIENTS, total);
            println!("{what}, one a call, {CLIENTS} clients: {rate} a second, p50 {median:?}, p99 {worst:?}");
        }
    }

    /// The times of one client.
    struct Client {
        starts: Vec<Duration>,
        ends: Vec<Duration>,
    }

    impl Client {
        fn run(server: &RedisServer, (name, epoch): &(String, String), from: usize) -> Client {
            let mut connection = connect(server);
            let mut timed = |function: &str, more: &[String]| {
                let mut args = vec![name.clone(), epoch.clone()];
                args.extend_from_slice(more);
                let begun = Instant::now();
                let _: String = call(&mut connection, function, &args);
                begun.elapsed()
            };
            let rows: Vec<[String; 3]> = (from..from + STARTS).map(row).collect();
            let starts = rows.iter().map(|row| timed("callrec_upsert", row)).collect();
            let id = |row: &[String; 3]| row[0][24..].to_owned();
            let ends = rows
                .iter()
                .map(|row| timed("callrec_remove", &[id(row)]))
                .collect();
            Client { starts, ends }
        }
    }

    /// The time of the whole list, page by page, and the longest page.
    fn list(connection: &mut Connection, node: &str) -> (Duration, Duration, usize) {
        let (mut after, mut longest, mut count) = (String::new(), Duration::ZERO, 0);
        let begun = Instant::now();
        loop {
            let page = Instant::now();
            let args = [node.to_owned(), after.clone(), PAGE.to_owned()];
            let (last, rows, has_more, _time, _): (String, Vec<redis::Value>, bool, u64, bool) =
                call(connection, "callrec_list", &args);
            longest = longest.max(page.elapsed());
            count += rows.len();
            if !has_more {
                return (begun.elapsed(), longest, count);
            }
            after = last;
        }
    }

    fn per_second(count: usize, time: Duration) -> u64 {
        (count as f64 / time.as_secs_f64()) as u64
    }

    pub fn run() {
        let (nodes, recordings) = (given("--nodes", 100), given("--recordings", 100_000));
        let server = RedisServer::start(&[]);
        let mut connection = connect(&server);
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg(include_str!("../src/registry.lua"));
        load.exec(&mut connection).expect("the functions");
        let nodes = register(&mut connection, nodes);
        let filled = fill(&mut connection, &nodes, recordings);
        let all = recordings.div_ceil(BATCH) * BATCH;
        println!(
            "{all} recordings, {BATCH} a call: {} a second",
            per_second(all, filled)
        );
        starts_and_ends(&server, &nodes, all);
        let (time, longest, count) = list(&mut connection, &nodes[0].0);
        println!("list of all {count}: {time:?} in pages of {PAGE}, the longest {longest:?}");
        let begun = Instant::now();
        for number in 0..1000 {
            let args = [
                nodes[0].0.clone(),
                String::new(),
                PAGE.to_owned(),
                format!("u:user{number}"),
                format!("d:SEP{}", 2 * number),
            ];
            let _: (String, Vec<redis::Value>, bool, u64, bool) =
                call(&mut connection, "callrec_list", &args);
        }
        println!(
            "lists with two filters: {} a second",
            per_second(1000, begun.elapsed())
        );
        let begun = Instant::now();
        for (name, epoch) in nodes.iter().cycle().take(2000) {
            let args = [name.as_str(), epoch, "600000", "30000", "1000", "a process"].map(str::to_owned);
            let _: redis::Value = call(&mut connection, "callrec_beat", &args);
        }
        println!("leases renewed: {} a second", per_second(2000, begun.elapsed()));
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query(&mut connection)
            .expect("numbers");
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used: u64 = used.and_then(|used| used.trim().parse().ok()).unwrap_or_default();
        println!("memory: {} bytes a recording", used / count as u64);
    }
}

fn main() {
    #[cfg(all(feature = "redis", unix))]
    measure::run();
}
