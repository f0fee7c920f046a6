//! Commands to the Redis servers of the tests.

pub use callrec_testkit::redis_server::{RedisServer, has_redis};
use redis::FromRedisValue;

/// Runs commands on a server.
pub trait RunCommand {
    /// Runs a command, given as words.
    fn run<T: FromRedisValue>(&self, words: &[&str]) -> T;
}

impl RunCommand for RedisServer {
    fn run<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("a client");
        let mut connection = client.get_connection().expect("a connection");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection).expect("the command")
    }
}
