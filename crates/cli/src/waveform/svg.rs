//! A waveform as SVG.

use std::fmt::Write;

use super::{Waveform, WaveformGap};
use crate::output::clock;

const WIDTH: usize = 1200;
const CHANNEL_HEIGHT: usize = 120;
const AXIS_HEIGHT: usize = 24;
/// The most labels of the time axis.
const LABELS: f64 = 12.0;
/// Distances of labels in seconds.
const STEPS: [f64; 12] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
];

/// Draws the waveform. `title` is shown by browsers.
pub fn draw(waveform: &Waveform, title: &str) -> String {
    let channels = waveform.columns(WIDTH);
    let audio_height = channels.len() * CHANNEL_HEIGHT;
    let height = audio_height + AXIS_HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{}</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escape(title)
    );
    for (gap, from, to) in waveform.gaps() {
        put_gap(&mut svg, waveform, *gap, (*from, *to), audio_height);
    }
    for (channel, peaks) in channels.iter().enumerate() {
        put_channel(
            &mut svg,
            peaks,
            channel * CHANNEL_HEIGHT,
            waveform.channel_name(channel),
        );
    }
    put_axis(&mut svg, waveform.seconds, audio_height);
    svg.push_str("</svg>\n");
    svg
}

fn x_of(seconds: f64, all: f64) -> f64 {
    seconds / all.max(1e-9) * WIDTH as f64
}

fn put_gap(svg: &mut String, waveform: &Waveform, gap: WaveformGap, (from, to): (f64, f64), height: usize) {
    let (name, fill) = match gap {
        WaveformGap::Pause => ("pause", "#d8dee8"),
        WaveformGap::Loss => ("loss", "#f2b8b0"),
    };
    let x = x_of(from, waveform.seconds);
    let width = (x_of(to, waveform.seconds) - x).max(1.0);
    let times = format!(
        "{} to {}",
        clock((from * 1000.0) as u64),
        clock((to * 1000.0) as u64)
    );
    let _ = writeln!(
        svg,
        "<rect class=\"{name}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"{height}\" fill=\"{fill}\">\
         <title>{name}, {times}</title></rect>"
    );
}

fn put_channel(svg: &mut String, peaks: &[f32], top: usize, name: &str) {
    let middle = (top + CHANNEL_HEIGHT / 2) as f32;
    let half = (CHANNEL_HEIGHT / 2 - 4) as f32;
    let mut path = String::new();
    for (x, peak) in peaks.iter().enumerate() {
        // At least a hairline, so that silence is visible as a line.
        let reach = (peak * half).max(0.5);
        let _ = write!(path, "M{x} {:.1}V{:.1}", middle - reach, middle + reach);
    }
    let _ = writeln!(
        svg,
        "<path class=\"{name}\" d=\"{path}\" stroke=\"#24527a\" stroke-width=\"1\"/>\n\
         <text x=\"4\" y=\"{}\" fill=\"#555\">{name}</text>",
        top + 14
    );
}

fn put_axis(svg: &mut String, seconds: f64, top: usize) {
    let wide_enough = |step: &&f64| seconds / **step <= LABELS;
    let step = STEPS
        .iter()
        .find(wide_enough)
        .copied()
        .unwrap_or(seconds / LABELS);
    let mut at = 0.0;
    while at < seconds {
        let x = x_of(at, seconds);
        let label = clock((at * 1000.0) as u64);
        let label = label.trim_end_matches(".0");
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.2} {top}v6\" stroke=\"#888\"/><text x=\"{:.2}\" y=\"{}\" fill=\"#555\">{label}</text>",
            x + 2.0,
            top + 18
        );
        at += step;
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_channels_are_drawn_to_scale() {
        let waveform = Waveform {
            channels: vec![vec![1.0; 10], vec![0.0; 10]],
            gaps: vec![(WaveformGap::Pause, 30.0, 60.0), (WaveformGap::Loss, 90.0, 90.0)],
            seconds: 120.0,
        };
        let svg = draw(&waveform, "a<b>&\x07");
        assert!(svg.contains("<title>a&lt;b&gt;&amp;\u{fffd}</title>"), "{svg}");
        assert!(svg.contains("class=\"pause\" x=\"300.00\" y=\"0\" width=\"300.00\" height=\"240\""));
        assert!(svg.contains("class=\"loss\" x=\"900.00\" y=\"0\" width=\"1.00\""));
        assert_eq!(svg.matches("M0 4.0V116.0").count(), 1);
        assert_eq!(svg.matches("M0 179.5V180.5").count(), 1);
        assert_eq!(svg.matches("</text>").count(), 2 + 12);
    }
}
