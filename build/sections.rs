//! The sections of the header: Doxygen groups, and below them named families of constants.

/// Each group: its label, its title, and what it is about.
const GROUPS: [(&str, &str, &str); 14] = [
    (
        "engine",
        "Engine",
        "Opening and closing an engine, and its statistics.",
    ),
    ("configuration", "Configuration", "The settings of an engine."),
    ("calls", "Calls", "Beginning, updating and ending calls."),
    ("feeds", "Feeds", "Passing in the audio of a call."),
    (
        "recordings",
        "Recordings and control",
        "Starting, pausing, resuming, stopping and discarding recordings.",
    ),
    ("lines", "Lines", "Lines and their policies."),
    ("lists", "Lists", "Listing and finding recordings."),
    ("events", "Events and subscriptions", "Receiving events."),
    ("gateway", "HTTP gateway", "The HTTP APIs that vendors publish."),
    (
        "cluster",
        "Cluster",
        "Listing and controlling the recordings of all nodes of a cluster.",
    ),
    ("audit", "Audit log", "Checking that the audit log is unchanged."),
    ("verification", "Verification", "Checking finished recordings."),
    (
        "errors",
        "Errors and logging",
        "Statuses, error details and log lines.",
    ),
    (
        "version",
        "Version and initialisation",
        "The versions of the header and the library, and `REC_INIT`.",
    ),
];

/// Where the header's items change their section: the first item of each, the label of its
/// group, and the title of its family of constants or "". Items are in the header's order.
const SECTIONS: [(&str, &str, &str); 60] = [
    ("REC_VERSION_MAJOR", "version", ""),
    ("REC_LEVEL_NONE", "recordings", "Access levels of a caller"),
    ("REC_CALL_CONNECTED", "calls", "States of a call"),
    ("REC_DIRECTION_UNKNOWN", "calls", "Directions of a call"),
    ("REC_LEG_LOCAL", "feeds", "Legs of a call"),
    (
        "REC_LINE_NOT_MONITORABLE",
        "lines",
        "Policies of a line, flags of rec_line_info",
    ),
    (
        "REC_START_MANUAL_DIAL_IN",
        "recordings",
        "Flags of rec_start_options and rec_recording",
    ),
    ("REC_LAYOUT_STEREO", "recordings", "Layouts of a file"),
    (
        "REC_LOOKBACK_ALL",
        "recordings",
        "Values of rec_start_options.lookback_ms",
    ),
    ("REC_PAUSE_SILENCE", "recordings", "Pause modes"),
    (
        "REC_KEEP_RAW_DEFAULT",
        "recordings",
        "Values of rec_start_options.keep_raw",
    ),
    ("REC_CODEC_PCM16", "feeds", "Codecs of a feed"),
    ("REC_STATE_RECORDING", "recordings", "States of a recording"),
    (
        "REC_END_STOPPED",
        "recordings",
        "Reasons for which a recording or a call ended",
    ),
    ("REC_EVENT_STARTED", "events", "Kinds of events"),
    (
        "REC_CONTROL_STOP",
        "cluster",
        "Operations of rec_cluster_control_by_id",
    ),
    ("REC_EVENT_FLAG_REPEATED", "events", "Flags of an event"),
    ("REC_SUBSCRIBE_CALLS", "events", "Flags of rec_subscribe_options"),
    ("REC_LOG_ERROR", "errors", "Levels of a log line"),
    ("REC_GATEWAY_NO_SOCKET", "gateway", "Flags of rec_gateway_options"),
    ("REC_AUTH_BASIC", "gateway", "Schemes of rec_credentials"),
    ("rec_config", "configuration", ""),
    ("rec_http_response", "gateway", ""),
    ("rec_snapshot", "lists", ""),
    ("rec_status", "errors", ""),
    ("rec_engine", "engine", ""),
    ("rec_chain_head", "audit", ""),
    ("rec_error", "errors", ""),
    ("rec_audit_report", "audit", ""),
    ("rec_call_info", "calls", ""),
    ("rec_free_fn", "events", ""),
    ("rec_codec_create_fn", "feeds", ""),
    ("rec_caller", "recordings", ""),
    ("rec_statistics", "engine", ""),
    ("rec_log_fn", "errors", ""),
    ("rec_call_view", "events", ""),
    ("rec_feed_format", "feeds", ""),
    ("rec_credentials", "gateway", ""),
    ("rec_line_info", "lines", ""),
    ("rec_filter", "lists", ""),
    ("rec_thread_fn", "configuration", ""),
    ("REC_OK", "errors", "Statuses"),
    ("rec_audit_head", "audit", ""),
    ("rec_call_begin", "calls", ""),
    ("rec_codec_register", "feeds", ""),
    ("rec_config_new", "configuration", ""),
    ("rec_stop_by_id", "recordings", ""),
    ("rec_open", "engine", ""),
    ("rec_set_log", "errors", ""),
    ("rec_subscribe", "events", ""),
    ("rec_feed_open", "feeds", ""),
    ("rec_gateway_start", "gateway", ""),
    ("rec_line_set", "lines", ""),
    ("rec_list", "lists", ""),
    ("rec_cluster_list", "cluster", ""),
    ("rec_start", "recordings", ""),
    ("rec_config_set_thread_hooks", "configuration", ""),
    ("rec_verify", "verification", ""),
    ("rec_version", "version", ""),
    ("rec_status_text", "errors", ""),
];

const WIDTH: usize = 100;

/// The comments that define the groups.
pub fn definitions() -> String {
    let define = |(label, title, about): &(&str, &str, &str)| {
        format!("/**\n * @defgroup {label} {title}\n * {about}\n */")
    };
    GROUPS.iter().map(define).collect::<Vec<_>>().join("\n\n")
}

/// cbindgen's header with its sections, and with each comment that fits on one line on one.
pub fn arrange(generated: &str) -> Result<String, String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = ("", "");
    let mut sections = SECTIONS.iter().peekable();
    for block in generated.trim_end().split("\n\n") {
        let name = block.starts_with("/**").then(|| declared_name(block)).flatten();
        let next = match name {
            Some(name) => sections.next_if(|(first, _, _)| *first == name),
            None => Some(&("", "", "")),
        };
        if let Some((_, group, family)) = next {
            out.extend(borders(open, (group, family)));
            open = (group, family);
        }
        out.push(with_short_comments(block));
    }
    match sections.next() {
        Some((name, _, _)) => Err(format!(
            "the header has no {name} where build/sections.rs names it"
        )),
        None => Ok(out.join("\n\n") + "\n"),
    }
}

/// The comments between two sections, each a group and a family.
fn borders(before: (&str, &str), after: (&str, &str)) -> Option<String> {
    let same_group = before.0 == after.0;
    let close = "/** @} */".to_owned();
    let lines = [
        (!before.1.is_empty()).then(|| close.clone()),
        (!before.0.is_empty() && !same_group).then_some(close),
        (!after.0.is_empty() && !same_group).then(|| format!("/** @addtogroup {}\n *  @{{ */", after.0)),
        (!after.1.is_empty()).then(|| format!("/** @name {}\n *  @{{ */", after.1)),
    ];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The name that the declaration below a comment declares; `None` if there is no declaration.
fn declared_name(block: &str) -> Option<&str> {
    let (_, declaration) = block.split_once("*/\n")?;
    let text = match declaration.split_once("#define ") {
        Some((_, text)) => text,
        None if declaration.starts_with("typedef struct {") => declaration.rsplit_once("} ")?.1,
        None => {
            let before = declaration.split_once("(*").map_or(declaration, |(_, name)| name);
            let before = before.split(['(', ')', ';']).next()?;
            before.rsplit([' ', '*']).next()?
        }
    };
    text.split([' ', '(', ';', '\n']).next()
}

/// `block` with each comment of three lines on one line, if that has at most `WIDTH` columns.
fn with_short_comments(block: &str) -> String {
    let lines: Vec<&str> = block.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let mut rest = lines.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let short = match rest {
            [begin, text, end, ..] if begin.trim_start() == "/**" && end.trim_start() == "*/" => text
                .trim_start()
                .strip_prefix("* ")
                .map(|text| format!("{begin} {text} */"))
                .filter(|line| line.chars().count() <= WIDTH),
            _ => None,
        };
        rest = if short.is_some() { &rest[3..] } else { after };
        out.push(short.unwrap_or_else(|| (*first).to_owned()));
    }
    out.join("\n")
}
