//! Plays simulations of the engine: `cargo run -p callrec-testkit --release -- --seeds 2000`.
//!
//! `--first N`: the first seed; `--seeds N`: the number of seeds; `--minutes M`: the longest run;
//! `--seed N`: one seed, with its trace; `--planted KEY`: with a fault of the library, and
//! `--stride-ms MS`: with this stride of recordings that are behind (feature `faults`).
//! `--simulate cluster`: simulations of a cluster (feature `cluster`).

use std::time::{Duration, Instant};

use callrec_testkit::arguments::Arguments;
use callrec_testkit::sim::{self, SimOutcome};

const SHOWN: usize = 10;

fn main() {
    let arguments = Arguments::read();
    let planted = arguments.text("planted", "");
    let play = match arguments.text("simulate", "engine").as_str() {
        "engine" => sim::play_planted,
        #[cfg(feature = "cluster")]
        "cluster" => play_cluster,
        other => panic!("--simulate {other}: not in this build"),
    };
    #[cfg(feature = "faults")]
    callrec_core::media::planted::set_stride_ns(match arguments.number("stride-ms", 0) {
        0 => None,
        ms => Some(ms * 1_000_000),
    });
    let one = arguments.number("seed", u64::MAX);
    if one != u64::MAX {
        return show(&play(one, &planted));
    }
    let first = arguments.number("first", 0);
    let seeds = arguments.number("seeds", 2000);
    let most = Duration::from_secs(60 * arguments.number("minutes", 24 * 60));
    let begun = Instant::now();
    let (mut failed, mut played, mut call_ms, mut recordings) = (Vec::new(), 0, 0, 0);
    for seed in first..first + seeds {
        let outcome = play(seed, &planted);
        played += 1;
        call_ms += outcome.call_ms;
        recordings += outcome.recordings;
        if let Some(words) = outcome.wrong.first() {
            if failed.len() < SHOWN {
                println!("seed {seed}: {words}");
            }
            failed.push(seed);
        }
        if begun.elapsed() >= most {
            break;
        }
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let call_hours = call_ms as f64 / 3_600_000.0;
    println!(
        "{played} seeds, {} failed; {recordings} recordings, {call_hours:.1} call-hours, {:.1} call-hours a minute",
        failed.len(),
        call_hours / minutes
    );
    std::process::exit(i32::from(!failed.is_empty()));
}

fn show(outcome: &SimOutcome) {
    for line in &outcome.trace {
        println!("{line}");
    }
    for words in &outcome.wrong {
        println!("WRONG: {words}");
    }
    std::process::exit(i32::from(!outcome.wrong.is_empty()));
}

#[cfg(feature = "cluster")]
fn play_cluster(seed: u64, planted: &str) -> SimOutcome {
    use callrec_testkit::cluster_sim::{PlantedClusterFault, play_planted};

    let fault = PlantedClusterFault::named(planted);
    assert!(
        fault.is_some() || planted.is_empty(),
        "--planted {planted}: no fault"
    );
    let outcome = play_planted(seed, fault);
    SimOutcome {
        wrong: outcome.wrong,
        trace: outcome.trace,
        recordings: outcome.recordings,
        call_ms: 0,
    }
}
