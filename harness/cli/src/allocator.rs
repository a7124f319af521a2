//! Where the programs' memory comes from.

use std::alloc::{GlobalAlloc, Layout, System};

use mimalloc::MiMalloc;

/// Small pieces come from mimalloc, which is quicker with the hundreds that a script takes. Large ones, such as the memories of guests,
/// come from the C library, as in any other host of an engine: it grows them in place.
#[derive(Debug, Clone, Copy)]
pub struct Allocator;

/// Bytes of the largest small piece: less than a page of WebAssembly.
const SMALL_BYTES: usize = 16 << 10;

fn is_small(bytes: usize) -> bool {
    bytes <= SMALL_BYTES
}

// SAFETY: both do what is asked of them. Which of them a piece came from follows from its size, which who gives it back has to know.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { if is_small(layout.size()) { MiMalloc.alloc(layout) } else { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { if is_small(layout.size()) { MiMalloc.alloc_zeroed(layout) } else { System.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        unsafe { if is_small(layout.size()) { MiMalloc.dealloc(piece, layout) } else { System.dealloc(piece, layout) } }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        unsafe {
            match (is_small(layout.size()), is_small(bytes)) {
                (true, true) => MiMalloc.realloc(piece, layout, bytes),
                (false, false) => System.realloc(piece, layout, bytes),
                _ => self.moved(piece, layout, bytes),
            }
        }
    }
}

impl Allocator {
    /// A piece of another size, from the other of the two.
    ///
    /// # Safety
    ///
    /// That of [`GlobalAlloc::realloc`].
    unsafe fn moved(&self, piece: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the piece, and for the new size with its alignment; the new piece is another.
        unsafe {
            let other = self.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
            if !other.is_null() {
                other.copy_from_nonoverlapping(piece, layout.size().min(bytes));
                self.dealloc(piece, layout);
            }
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::{GlobalAlloc, Layout};
    use std::slice;

    use super::{Allocator, SMALL_BYTES};

    const SIZES: [usize; 9] = [1, SMALL_BYTES, SMALL_BYTES + 1, 1 << 20, SMALL_BYTES + 1, SMALL_BYTES, 2, 1 << 17, 3];

    #[test]
    fn a_piece_keeps_what_is_in_it_whatever_size_it_is_given() {
        for align in [1, 8, 64, 4096] {
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            let mut piece = unsafe { Allocator.alloc(layout(SIZES[0])) };
            for (mark, pair) in (1..).zip(SIZES.windows(2)) {
                // SAFETY: the piece was last given this layout, and nothing beyond it is touched.
                unsafe {
                    slice::from_raw_parts_mut(piece, pair[0]).fill(mark);
                    piece = Allocator.realloc(piece, layout(pair[0]), pair[1]);
                    assert!(slice::from_raw_parts(piece, pair[0].min(pair[1])).iter().all(|byte| *byte == mark));
                }
                assert_eq!(piece.align_offset(align), 0);
            }
            unsafe { Allocator.dealloc(piece, layout(SIZES[SIZES.len() - 1])) };
        }
    }

    #[test]
    fn what_is_asked_for_as_zeros_is() {
        for size in SIZES {
            let layout = Layout::from_size_align(size, 8).unwrap();
            for _ in 0..2 {
                // SAFETY: as above.
                unsafe {
                    let piece = Allocator.alloc_zeroed(layout);
                    let bytes = slice::from_raw_parts_mut(piece, size);
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(1);
                    Allocator.dealloc(piece, layout);
                }
            }
        }
    }
}
