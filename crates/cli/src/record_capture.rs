//! Records a call that a capture contains.

use std::path::Path;
use std::time::Duration;

use callrec::types::{Codec, FeedFormat, FeedOptions, Leg, Status};
use serde_json::{Value, json};

use crate::capture::sip::SessionDescriptions;
use crate::capture::streams::{RtpFlow, RtpFlows, longest_call};
use crate::capture::{self, Datagram};
use crate::command_line::RecordOptions;
use crate::output::{CommandResult, Output, because, clock};
use crate::payloads::DeclaredPayloads;
use crate::record_session::{open_session, report};
use crate::session::{CallFeed, RecordedCall};

/// How long the file may take after the end of the call.
const CLOSING: Duration = Duration::from_secs(3600);

/// What a capture contains.
struct CaptureContents {
    streams: Vec<RtpFlow>,
    descriptions: SessionDescriptions,
    datagrams: u64,
}

fn read(path: &Path) -> CommandResult<CaptureContents> {
    let (mut flows, mut descriptions, mut datagrams) =
        (RtpFlows::default(), SessionDescriptions::default(), 0);
    capture::read(path, |datagram| {
        descriptions.take(datagram);
        flows.take(datagram);
        datagrams += 1;
        Ok(())
    })?;
    Ok(CaptureContents {
        streams: flows.streams(),
        descriptions,
        datagrams,
    })
}

pub fn list_streams(path: &Path, output: &Output) -> CommandResult<()> {
    let contents = read(path)?;
    if output.is_json {
        let streams = contents.streams.iter().map(|stream| {
            json!({
                "from": stream.from.to_string(),
                "to": stream.to.to_string(),
                "packets": stream.packets,
                "duration_ms": stream.last.saturating_sub(stream.first).as_millis() as u64,
                "payload_types": stream.payload_types.keys().collect::<Vec<_>>(),
                "sdp": contents.descriptions.of(stream.to),
            })
        });
        return output.json(&streams.collect::<Value>());
    }
    if contents.streams.is_empty() {
        output.remark(format_args!("no RTP in {} datagrams", contents.datagrams));
    }
    let chosen = longest_call(&contents.streams);
    for (at, stream) in contents.streams.iter().enumerate() {
        let types: Vec<String> = stream.payload_types.keys().map(u8::to_string).collect();
        let leg = match chosen.iter().position(|one| *one == at) {
            Some(0) => "  local",
            Some(_) => "  remote",
            None => "",
        };
        let length = clock(stream.last.saturating_sub(stream.first).as_millis() as u64);
        output.line(format_args!(
            "{:3}  {} > {}  {} packets, {length}, payload types {}{leg}",
            at + 1,
            stream.from,
            stream.to,
            stream.packets,
            types.join(" ")
        ))?;
    }
    Ok(())
}

pub fn record(path: &Path, options: &RecordOptions, output: &Output) -> CommandResult<()> {
    let contents = read(path)?;
    let chosen = choose(&contents, options)?;
    let session = open_session(options, "stream")?;
    let begin_ms = chosen.iter().map(|stream| stream.first.as_millis() as i64).min();
    let call = session.begin(options, begin_ms.unwrap_or(0))?;
    let mut feeds = Vec::new();
    for (stream, leg) in chosen.iter().zip([Leg::Local, Leg::Remote]) {
        feeds.push((
            stream.from,
            stream.to,
            open_feed(&call, leg, stream, &contents, options)?,
        ));
    }
    let all = chosen.iter().map(|stream| stream.packets).sum();
    let bar = output.progress(all, "{wide_bar} {pos} of {len} packets");
    let mut refused = 0_u64;
    let passed = capture::read(path, |datagram: &Datagram<'_>| {
        let feed = feeds
            .iter()
            .find(|(from, to, _)| (*from, *to) == (datagram.from, datagram.to));
        if let Some((_, _, feed)) = feed {
            refused += u64::from(feed.rtp_of_capture(datagram.payload)? != Status::Ok);
            bar.inc(1);
        }
        Ok(())
    });
    bar.finish_and_clear();
    if refused > 0 {
        output.remark(format_args!("{refused} datagrams were refused"));
    }
    let ended = call.end();
    let closed = session.close(CLOSING);
    passed.and(ended).and(closed)?;
    report(&session, &call, output)
}

/// The streams to record, the local leg first.
fn choose<'a>(contents: &'a CaptureContents, options: &RecordOptions) -> CommandResult<Vec<&'a RtpFlow>> {
    let streams = &contents.streams;
    let numbers = match options.take.is_empty() {
        true => longest_call(streams).iter().map(|at| at + 1).collect(),
        false => options.take.clone(),
    };
    if numbers.is_empty() {
        return because(format!(
            "the capture has no RTP stream in its {} datagrams",
            contents.datagrams
        ));
    }
    if numbers.len() > 2 {
        return because("--take: a call has at most two streams");
    }
    let found = numbers.iter().map(|number| streams.get(number.wrapping_sub(1)));
    match found.collect::<Option<Vec<_>>>() {
        Some(chosen) => Ok(chosen),
        None => because(format!(
            "--take: the capture has {} streams; --streams lists them",
            streams.len()
        )),
    }
}

fn open_feed(
    call: &RecordedCall,
    leg: Leg,
    stream: &RtpFlow,
    contents: &CaptureContents,
    options: &RecordOptions,
) -> CommandResult<CallFeed> {
    let mut payloads = DeclaredPayloads::default();
    if let Some(sdp) = contents.descriptions.of(stream.to) {
        // What the command line declares comes after it, and takes precedence.
        payloads.add_sdp(sdp)?;
    }
    payloads.append(DeclaredPayloads::of_options(options)?);
    let format = FeedFormat {
        codec: Codec::Pcmu,
        rate: 8000,
    };
    let feed = call.open_feed(leg, FeedOptions::from(format))?;
    payloads.declare(&feed)?;
    let unknown = stream.payload_types.iter().max_by_key(|(_, packets)| **packets);
    if let Some((number, _)) = unknown.filter(|(number, _)| payloads.format(**number).is_none()) {
        return because(format!(
            "payload type {number} of the stream to {} is unknown; declare it with --payload or --sdp",
            stream.to
        ));
    }
    Ok(feed)
}
