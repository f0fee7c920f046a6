//! The examples of the pages. Those of functions are parts of C files that a test compiles.

/// The files with the examples of functions.
pub const FILES: [(&str, &str); 7] = [
    ("engine.c", include_str!("../../../docs/examples/engine.c")),
    ("call.c", include_str!("../../../docs/examples/call.c")),
    ("feed.c", include_str!("../../../docs/examples/feed.c")),
    ("control.c", include_str!("../../../docs/examples/control.c")),
    ("list.c", include_str!("../../../docs/examples/list.c")),
    ("cluster.c", include_str!("../../../docs/examples/cluster.c")),
    ("gateway.c", include_str!("../../../docs/examples/gateway.c")),
];

/// The end of an example.
const END: &str = "/* end */";

/// The example of a function: the lines between `/* rec_open */` and `/* end */`; empty if there is none.
pub fn example_of(function: &str) -> &'static str {
    let begin = format!("/* {function} */\n");
    let found = FILES.iter().find_map(|(_, text)| {
        let (_, after) = text.split_once(&begin)?;
        Some(after.split_once(END)?.0)
    });
    found.unwrap_or_default().trim_end()
}

/// The functions that have an example.
pub fn functions_with_example() -> Vec<&'static str> {
    let lines = FILES.iter().flat_map(|(_, text)| text.lines());
    let names = lines.filter_map(|line| line.strip_prefix("/* ")?.strip_suffix(" */"));
    names.filter(|name| name.starts_with("rec_")).collect()
}

/// The example of a command, or of the whole program.
pub fn command_example(name: &str) -> &'static str {
    match name {
        "callrec" => {
            "callrec record call.pcapng --directory recordings\ncallrec list recordings\ncallrec verify recordings\n"
        }
        "callrec-record" => {
            "callrec record call.pcapng --directory recordings --format \"flac;level=8\"\ncallrec record --local 0.0.0.0:4000 --remote 0.0.0.0:4002 --seconds 60\ncallrec record call.pcap --streams\n"
        }
        "callrec-list" => {
            "callrec list recordings\ncallrec list recordings --since 2026-11-01 --party 101\ncallrec list recordings --json\n"
        }
        "callrec-show" => {
            "callrec show recordings/NAME.wav\ncallrec show recordings/NAME.wav --svg waveform.svg\ncallrec show recordings/NAME.wav --json\n"
        }
        "callrec-verify" => {
            "callrec verify recordings\ncallrec verify recordings/NAME.wav\ncallrec verify recordings --json\n"
        }
        "callrec-recover" => {
            "callrec recover recordings\ncallrec recover recordings --timeout 60\ncallrec recover recordings --json\n"
        }
        "callrec-convert" => {
            "callrec convert recordings/NAME.wav NAME.flac\ncallrec convert recordings/NAME.wav NAME.opus --format \"opus;bitrate=24000\"\ncallrec convert recordings/NAME.wav NAME.mp3 --force\n"
        }
        "callrec-completions" => {
            "callrec completions bash > /etc/bash_completion.d/callrec\ncallrec completions zsh\ncallrec completions fish\n"
        }
        _ => "",
    }
}
