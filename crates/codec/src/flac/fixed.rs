//! Fixed predictors: RFC 9639, section 9.2.5.

pub const ORDER_MAX: usize = 4;

/// The sums of the absolute residuals of the predictors of order 0 to 4, without the samples that
/// only some of them predict.
pub fn residual_sums(samples: &[i32]) -> [u64; ORDER_MAX + 1] {
    let mut sums = [0; ORDER_MAX + 1];
    let mut from = ORDER_MAX;
    while from < samples.len() {
        // So few that a sum fits in 32 bits.
        let to = (from + 1024).min(samples.len());
        let part = sums_of_part(&samples[from - ORDER_MAX..to]);
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += u64::from(part);
        }
        from = to;
    }
    sums
}

fn sums_of_part(samples: &[i32]) -> [u32; ORDER_MAX + 1] {
    let mut sums = [0u32; ORDER_MAX + 1];
    for [e, d, c, b, a] in samples.array_windows::<{ ORDER_MAX + 1 }>() {
        sums[0] += a.unsigned_abs();
        sums[1] += (a - b).unsigned_abs();
        sums[2] += (a - 2 * b + c).unsigned_abs();
        sums[3] += (a - 3 * b + 3 * c - d).unsigned_abs();
        sums[4] += (a - 4 * b + 6 * c - 4 * d + e).unsigned_abs();
    }
    sums
}

/// The order with the smallest residuals. `sums`: see [`residual_sums`].
pub fn best_order(sums: &[u64; ORDER_MAX + 1], frames: usize) -> usize {
    let possible = match frames > ORDER_MAX {
        true => ORDER_MAX,
        false => 0,
    };
    (0..=possible).min_by_key(|order| sums[*order]).unwrap_or(0)
}

/// The coefficients of a predictor, for the latest sample first.
pub fn coefficients(order: usize) -> &'static [i32] {
    match order {
        0 => &[],
        1 => &[1],
        2 => &[2, -1],
        3 => &[3, -3, 1],
        _ => &[4, -6, 4, -1],
    }
}

/// Replaces `out` by the residuals from sample `order` on.
pub fn residual(samples: &[i32], order: usize, out: &mut Vec<i32>) {
    out.clear();
    match order {
        0 => out.extend_from_slice(samples),
        1 => out.extend(samples.array_windows().map(|[b, a]| a - b)),
        2 => out.extend(samples.array_windows().map(|[c, b, a]| a - 2 * b + c)),
        3 => out.extend(samples.array_windows().map(|[d, c, b, a]| a - 3 * b + 3 * c - d)),
        _ => out.extend(
            samples
                .array_windows()
                .map(|[e, d, c, b, a]| a - 4 * b + 6 * c - 4 * d + e),
        ),
    }
}
