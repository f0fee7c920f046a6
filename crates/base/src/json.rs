//! The nesting of JSON, measured before it is parsed: the parser needs stack for each level, and a
//! host's thread may have little.

/// The nesting depth of brackets outside of strings.
pub fn nesting(bytes: &[u8]) -> u32 {
    let (mut now, mut most, mut text, mut escaped) = (0u32, 0u32, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'[' | b'{' if !text => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(nesting(br#"{"a":["[[[",{"b":"\"]{"}]}"#), 3);
    }
}
