//! A vector and a queue that grow in small pieces. Elements of a full piece are never moved.
//!
//! They hold data that grows with the number of calls and recordings and whose growth cannot be
//! refused. A large allocation may have to wait for memory, and so would every thread that needs
//! the lock under which it is made.

use std::collections::VecDeque;

/// Bytes of a vector's piece. Its elements may be large.
const VEC_BYTES: usize = 32 << 10;
/// Bytes of a queue's piece. Below 1 KiB, because glibc consolidates all small free blocks of its
/// arena before it serves a larger request, which can take 100 us, and control functions push.
const QUEUE_BYTES: usize = 1000;

/// Number of elements in a piece of `bytes` bytes: a power of two, because a piece grows by
/// doubling.
const fn elements<T>(bytes: usize) -> usize {
    match bytes / size_of::<T>() {
        0 => 1,
        fitting => 1 << fitting.ilog2(),
    }
}

/// A vector of pieces. All of them except the last are full.
#[derive(Debug)]
pub struct PieceVec<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for PieceVec<T> {
    fn default() -> PieceVec<T> {
        PieceVec { pieces: Vec::new() }
    }
}

impl<T> PieceVec<T> {
    const PIECE: usize = elements::<T>(VEC_BYTES);

    pub fn len(&self) -> usize {
        let full = self.pieces.len().saturating_sub(1);
        full * Self::PIECE + self.pieces.last().map_or(0, Vec::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn push(&mut self, element: T) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < Self::PIECE => last.push(element),
            _ => self.pieces.push(vec![element]),
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        let last = self.pieces.last_mut()?;
        let element = last.pop();
        if last.is_empty() {
            self.pieces.pop();
        }
        element
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / Self::PIECE)?.get(index % Self::PIECE)
    }

    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pieces
            .get_mut(index / Self::PIECE)?
            .get_mut(index % Self::PIECE)
    }
}

/// A first-in, first-out queue.
pub struct PieceQueue<T> {
    /// No piece is empty.
    pieces: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for PieceQueue<T> {
    fn default() -> PieceQueue<T> {
        PieceQueue {
            pieces: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> PieceQueue<T> {
    const PIECE: usize = elements::<T>(QUEUE_BYTES);

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn push_back(&mut self, element: T) {
        self.len += 1;
        match self.pieces.back_mut() {
            Some(last) if last.len() < Self::PIECE => last.push_back(element),
            _ => self.pieces.push_back(VecDeque::from([element])),
        }
    }

    pub fn front(&self) -> Option<&T> {
        self.pieces.front()?.front()
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let first = self.pieces.front_mut()?;
        let element = first.pop_front();
        self.len -= usize::from(element.is_some());
        if first.is_empty() {
            self.pieces.pop_front();
        }
        element
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }
}

/// Removes the elements in order.
impl<T> Iterator for PieceQueue<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_vector_behaves_like_a_vector() {
        let all = 3 * PieceVec::<usize>::PIECE + 5;
        let mut vec = PieceVec::default();
        assert!(vec.is_empty() && vec.pop().is_none());
        for n in 0..all {
            assert_eq!(vec.len(), n);
            vec.push(n);
        }
        if let Some(element) = vec.get_mut(7) {
            *element = 70;
        }
        assert_eq!(vec.get(7), Some(&70));
        assert!((8..all).all(|n| vec.get(n) == Some(&n)));
        assert_eq!(vec.get(all), None);
        assert!((8..all).rev().all(|n| vec.pop() == Some(n) && vec.len() == n));
        vec.push(8);
        assert_eq!((vec.pop(), vec.pop(), vec.len()), (Some(8), Some(70), 7));
    }

    #[test]
    fn a_piece_queue_behaves_like_a_queue() {
        let all = 3 * PieceQueue::<usize>::PIECE + 5;
        let mut queue = PieceQueue::default();
        assert!(queue.is_empty() && queue.front().is_none());
        (0..all).for_each(|n| queue.push_back(n));
        assert!(queue.iter().copied().eq(0..all) && queue.len() == all);
        assert!((0..all - 2).all(|n| queue.front() == Some(&n) && queue.pop_front() == Some(n)));
        queue.push_back(all);
        assert_eq!(queue.len(), 3);
        assert!(queue.eq([all - 2, all - 1, all]));
    }

    #[test]
    fn pieces_stay_below_their_size_limit() {
        let mut vec = PieceVec::<[u8; 1728]>::default();
        (0..100).for_each(|_| vec.push([0; 1728]));
        assert!(
            vec.pieces
                .iter()
                .all(|piece| piece.capacity() * 1728 <= VEC_BYTES)
        );
        let mut queue = PieceQueue::<u64>::default();
        (0..10_000).for_each(|n| queue.push_back(n));
        let bytes = |piece: &VecDeque<u64>| piece.capacity() * 8;
        assert!(queue.pieces.iter().all(|piece| bytes(piece) <= QUEUE_BYTES));
        assert_eq!(elements::<[u8; 100_000]>(VEC_BYTES), 1);
    }
}
