//! The sample grid: conversion between samples and media time.
//!
//! Sample `n` at the rate `r` lies at `round(n * 1e9 / r)` ns. Legs and recordings of one rate
//! therefore share one grid and need no alignment.

use crate::time::NS_PER_S;

/// The sample nearest to a time.
#[inline]
pub fn index(ns: u64, rate: u32) -> u64 {
    let rate = u64::from(rate);
    (ns / NS_PER_S)
        .saturating_mul(rate)
        .saturating_add((ns % NS_PER_S * rate + NS_PER_S / 2) / NS_PER_S)
}

/// The time of a sample.
#[inline]
pub fn time(index: u64, rate: u32) -> u64 {
    let rate = u64::from(rate.max(1));
    (index / rate)
        .saturating_mul(NS_PER_S)
        .saturating_add((index % rate * NS_PER_S + rate / 2) / rate)
}

/// Converts a position between the grids of two rates.
#[inline]
pub fn convert(index: u64, from: u32, to: u32) -> u64 {
    if from == to {
        return index;
    }
    let (from, to) = (u64::from(from.max(1)), u64::from(to));
    (index / from)
        .saturating_mul(to)
        .saturating_add((index % from * to + from / 2) / from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_time_are_inverse() {
        for rate in [8000, 11025, 16000, 44100, 48000] {
            for n in [0, 1, 7, 159, 160, 44099, 48001, 8000 * 86_400 * 400] {
                assert_eq!(index(time(n, rate), rate), n, "sample {n} at {rate} Hz");
            }
        }
        assert!(index(u64::MAX, 192_000) > 0 && time(u64::MAX, 1) == u64::MAX);
    }

    #[test]
    fn convert_keeps_the_time() {
        assert_eq!(convert(8000, 8000, 48000), 48000);
        assert_eq!(convert(44101, 44100, 8000), 8000);
        assert_eq!(convert(5, 8000, 8000), 5);
    }
}
