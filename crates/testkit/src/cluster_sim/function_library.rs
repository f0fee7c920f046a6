//! Runs `registry.lua` as Redis does: the same text, in Lua 5.1.

use std::sync::Arc;

use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value as LuaValue, Variadic};
use parking_lot::Mutex;
use redis::Value;

use super::data_set::DataSet;
use super::reply::RedisReply;

/// What a function may use of the server.
#[derive(Default)]
pub struct ServerData {
    pub data: DataSet,
    /// The channels, with the connections that receive their messages.
    pub subscribers: Vec<(String, u64)>,
    /// Messages that are sent when the command is done: the connection, and the text.
    pub outbox: Vec<(u64, String)>,
}

impl ServerData {
    pub fn call(&mut self, args: &[&str]) -> RedisReply {
        if let ["PUBLISH", channel, message] = args {
            let matching = self.subscribers.iter().filter(|(name, _)| name == channel);
            let receivers: Vec<u64> = matching.map(|(_, connection)| *connection).collect();
            let sent = receivers.iter().map(|to| (*to, (*message).to_owned()));
            self.outbox.extend(sent);
            return Ok(Value::Int(receivers.len() as i64));
        }
        self.data.call(args)
    }
}

/// The functions of a library.
pub struct FunctionLibrary {
    lua: Lua,
    functions: Table,
}

impl FunctionLibrary {
    /// Loads the text of a library, as FUNCTION LOAD does.
    pub fn load(text: &str, server: &Arc<Mutex<ServerData>>) -> Result<FunctionLibrary, String> {
        let prepared = prepare(text, server).map_err(|error| format!("ERR {error}"));
        let (lua, functions) = prepared?;
        Ok(FunctionLibrary { lua, functions })
    }

    /// Calls a function with one key, as FCALL does.
    pub fn call(&self, name: &str, key: &str, args: &[&str]) -> RedisReply {
        let called = || -> mlua::Result<LuaValue> {
            let function: Function = self.functions.get(name)?;
            let keys = self.lua.create_sequence_from([key])?;
            let args = self.lua.create_sequence_from(args.iter().copied())?;
            function.call((keys, args))
        };
        match called() {
            Ok(LuaValue::Table(table)) if has_error(&table) => Err("ERR a function failed".to_owned()),
            Ok(result) => Ok(from_lua(&result)),
            Err(error) => Err(format!("ERR {name}: {error}")),
        }
    }
}

fn prepare(text: &str, server: &Arc<Mutex<ServerData>>) -> mlua::Result<(Lua, Table)> {
    let lua = Lua::new_with(
        StdLib::STRING | StdLib::TABLE | StdLib::MATH,
        LuaOptions::default(),
    )?;
    let functions = lua.create_table()?;
    let redis = lua.create_table()?;
    let data = server.clone();
    let call = move |lua: &Lua, args: Variadic<LuaValue>| {
        let args = args.iter().map(argument).collect::<mlua::Result<Vec<String>>>()?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let result = data.lock().call(&args).map_err(mlua::Error::runtime)?;
        to_lua(lua, &result)
    };
    redis.set("call", lua.create_function(call)?)?;
    let registered = functions.clone();
    let register = move |_: &Lua, args: MultiValue| {
        let mut args = args.into_iter();
        match (args.next(), args.next()) {
            (Some(LuaValue::String(name)), Some(LuaValue::Function(function))) => {
                registered.set(name, function)
            }
            (Some(LuaValue::Table(named)), None) => {
                let name: String = named.get("function_name")?;
                registered.set(name, named.get::<Function>("callback")?)
            }
            _ => Err(mlua::Error::runtime("register_function: a name and a function")),
        }
    };
    redis.set("register_function", lua.create_function(register)?)?;
    lua.globals().set("redis", redis)?;
    let cjson = lua.create_table()?;
    let encode = |_: &Lua, list: Vec<String>| serde_json::to_string(&list).map_err(mlua::Error::external);
    cjson.set("encode", lua.create_function(encode)?)?;
    lua.globals().set("cjson", cjson)?;
    // The first line names the library, and is no Lua.
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    lua.load(body).exec()?;
    Ok((lua, functions))
}

fn has_error(table: &Table) -> bool {
    table.contains_key("err").unwrap_or(false)
}

/// A number without a fraction is written as an integer.
fn argument(value: &LuaValue) -> mlua::Result<String> {
    match value {
        LuaValue::String(text) => Ok(text.to_string_lossy()),
        LuaValue::Integer(number) => Ok(number.to_string()),
        LuaValue::Number(number) => Ok(number.to_string()),
        _ => Err(mlua::Error::runtime("arguments must be strings or numbers")),
    }
}

fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Int(number) => LuaValue::Number(*number as f64),
        Value::BulkString(bytes) => LuaValue::String(lua.create_string(bytes)?),
        Value::Array(values) => {
            let values = values.iter().map(|value| to_lua(lua, value));
            LuaValue::Table(lua.create_sequence_from(values.collect::<mlua::Result<Vec<_>>>()?)?)
        }
        Value::Okay => {
            let status = lua.create_table()?;
            status.set("ok", "OK")?;
            LuaValue::Table(status)
        }
        _ => LuaValue::Boolean(false),
    })
}

/// A list ends at its first nil.
fn from_lua(value: &LuaValue) -> Value {
    match value {
        LuaValue::Boolean(true) => Value::Int(1),
        LuaValue::Integer(number) => Value::Int(*number),
        LuaValue::Number(number) => Value::Int(*number as i64),
        LuaValue::String(text) => Value::BulkString(text.as_bytes().to_vec()),
        LuaValue::Table(list) => {
            let members = list.sequence_values::<LuaValue>();
            Value::Array(
                members
                    .map_while(Result::ok)
                    .map(|value| from_lua(&value))
                    .collect(),
            )
        }
        _ => Value::Nil,
    }
}
