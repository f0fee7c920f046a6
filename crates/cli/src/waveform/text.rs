//! A waveform in characters.

use super::{Waveform, WaveformGap};
use crate::output::clock;

/// The eighths of a character.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The quietest level that is visible, in dB. Speech is far below the loudest sample.
const FLOOR_DB: f32 = -48.0;
/// Lines of a channel.
const HEIGHT: usize = 2;
/// The names of the channels are written before them.
const NAME: usize = 7;

/// Draws the waveform: two lines for each channel, a line of pauses (`=`) and losses (`x`) if there
/// are any, and a line of times.
pub fn draw(waveform: &Waveform, width: usize) -> Vec<String> {
    let columns = width.saturating_sub(NAME + 1).max(10);
    let mut lines = Vec::new();
    for (channel, peaks) in waveform.columns(columns).iter().enumerate() {
        for line in (0..HEIGHT).rev() {
            let name = if line == 0 {
                waveform.channel_name(channel)
            } else {
                ""
            };
            let bars: String = peaks.iter().map(|peak| bar(*peak, line)).collect();
            lines.push(format!("{name:NAME$} {bars}").trim_end().to_owned());
        }
    }
    if !waveform.gaps().is_empty() {
        lines.push(
            format!("{:NAME$} {}", "", gaps(waveform, columns))
                .trim_end()
                .to_owned(),
        );
    }
    let end = clock((waveform.seconds * 1000.0) as u64);
    lines.push(format!(
        "{:NAME$} {:<width$}{end}",
        "",
        "0:00.0",
        width = columns.saturating_sub(end.len())
    ));
    lines
}

/// The character of a level in one of the lines of a channel; 0 is the lowest line.
fn bar(peak: f32, line: usize) -> char {
    let db = 20.0 * peak.max(1e-6).log10();
    let level = ((db - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0);
    let eighths = (level * (HEIGHT * 8) as f32).round() as usize;
    BARS[eighths.saturating_sub(line * 8).min(8)]
}

fn gaps(waveform: &Waveform, columns: usize) -> String {
    let mut line = vec![' '; columns];
    let column =
        |seconds: f64| ((seconds / waveform.seconds.max(1e-9) * columns as f64) as usize).min(columns - 1);
    for (gap, from, to) in waveform.gaps() {
        let sign = match gap {
            WaveformGap::Pause => '=',
            WaveformGap::Loss => 'x',
        };
        // Also a gap without a length is visible.
        line[column(*from)..=column(to.max(*from))].fill(sign);
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waveform(gaps: Vec<(WaveformGap, f64, f64)>) -> Waveform {
        Waveform {
            channels: vec![vec![0.0, 1.0, 0.063], vec![1.0, 0.0, 0.0]],
            gaps,
            seconds: 3.0,
        }
    }

    #[test]
    fn loud_slices_are_high() {
        let lines = draw(&waveform(Vec::new()), 20 + NAME + 1);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0].chars().nth(NAME + 1 + 10), Some('█'));
        assert_eq!(lines[1].chars().nth(NAME + 1 + 10), Some('█'));
        // -24 dB is half of the height.
        assert_eq!(lines[0].chars().nth(NAME + 1 + 19), None);
        assert_eq!(lines[1].chars().nth(NAME + 1 + 19), Some('█'));
        assert!(lines[1].starts_with("local "), "{}", lines[1]);
        assert!(lines[4].ends_with("0:03.0"), "{}", lines[4]);
    }

    #[test]
    fn gaps_are_shown_where_they_are() {
        let gaps = vec![(WaveformGap::Pause, 0.0, 1.0), (WaveformGap::Loss, 2.9, 2.9)];
        let lines = draw(&waveform(gaps), 30 + NAME + 1);
        let line: String = lines[4].chars().skip(NAME + 1).collect();
        assert_eq!(line, format!("{}{}x", "=".repeat(11), " ".repeat(18)));
    }
}
