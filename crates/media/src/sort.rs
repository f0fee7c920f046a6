//! Sorting with little code, for lists that are sorted rarely: each sort of the standard library takes
//! some 6 KB in the library for each type.

/// Sorts by a key, in place. The order of elements with the same key is not kept.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let count = items.len();
    // Each node of the heap is at least as large as its children, `2 n + 1` and `2 n + 2`.
    for first in (0..count / 2).rev() {
        sink(items, first, &key);
    }
    for end in (1..count).rev() {
        items.swap(0, end);
        sink(&mut items[..end], 0, &key);
    }
}

fn sink<T, K: Ord>(heap: &mut [T], mut node: usize, key: &impl Fn(&T) -> K) {
    loop {
        let mut child = 2 * node + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && key(&heap[child]) < key(&heap[child + 1]) {
            child += 1;
        }
        if key(&heap[node]) >= key(&heap[child]) {
            return;
        }
        heap.swap(node, child);
        node = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_result_is_that_of_the_standard_library(mut items in prop::collection::vec(0..50u32, 0..200)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_by_key(&mut items, |item| *item);
            prop_assert_eq!(items, expected);
        }
    }
}
