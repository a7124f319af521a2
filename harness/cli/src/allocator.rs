//! Where the programs' memory comes from.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

use mimalloc::MiMalloc;

/// Small pieces come from mimalloc, which is quicker with the hundreds that a script takes. Large ones, such as the memories of guests,
/// come from the C library, as in any other host of an engine: it grows them in place.
///
/// The smallest are kept by the thread that gives them back, and the last is given out first: it is still in the processor's cache. (mimalloc
/// gives out all that it has before it comes back to it.)
#[derive(Debug, Clone, Copy)]
pub struct Allocator;

/// Bytes of the largest small piece: less than a page of WebAssembly.
const SMALL_BYTES: usize = 16 << 10;

/// Bytes of the largest piece that a thread keeps, and in what steps: those of mimalloc, which are the alignment of such pieces too.
const KEPT_BYTES: usize = 1 << 10;
const STEP_BYTES: usize = 16;

/// Pieces of one size that a thread keeps: one that gives back what others have made must not hoard it, nor one that ends take more than the
/// 2 MiB along that this makes at most, over all sizes.
const KEPT_PIECES: usize = 64;

/// Pieces of one size that a thread has given back; each holds the address of the one below it.
struct Shelf {
    top: Cell<*mut u8>,
    pieces: Cell<usize>,
}

thread_local! {
    static SHELVES: [Shelf; KEPT_BYTES / STEP_BYTES + 1] =
        const { [const { Shelf { top: Cell::new(null_mut()), pieces: Cell::new(0) } }; KEPT_BYTES / STEP_BYTES + 1] };
}

/// Where pieces of some layout come from.
#[derive(PartialEq, Eq)]
enum Source {
    /// A shelf, by its number, which is its pieces' size in steps.
    Shelf(usize),
    Mimalloc,
    System,
}

impl Source {
    fn of(layout: Layout) -> Source {
        match layout.size() {
            ..=KEPT_BYTES if layout.align() <= STEP_BYTES => Source::Shelf(layout.size().div_ceil(STEP_BYTES)),
            ..=SMALL_BYTES => Source::Mimalloc,
            _ => Source::System,
        }
    }
}

impl Shelf {
    /// A piece of so many steps.
    ///
    /// # Safety
    ///
    /// This is the shelf of so many steps, and they are not none.
    unsafe fn take(&self, steps: usize) -> *mut u8 {
        let top = self.top.get();
        // SAFETY: the layout is one; what lies on a shelf is nobody's, and has room for an address, which was written when it came there.
        unsafe {
            if top.is_null() {
                return MiMalloc.alloc(Layout::from_size_align_unchecked(steps * STEP_BYTES, STEP_BYTES));
            }
            self.top.set(top.cast::<*mut u8>().read());
        }
        self.pieces.set(self.pieces.get() - 1);
        top
    }

    /// Whether there was room for a piece.
    ///
    /// # Safety
    ///
    /// It is of this shelf's size, and nobody's any more.
    unsafe fn put(&self, piece: *mut u8) -> bool {
        let has_room = self.pieces.get() < KEPT_PIECES;
        if has_room {
            // SAFETY: a piece has room for an address and is aligned for it.
            unsafe { piece.cast::<*mut u8>().write(self.top.get()) };
            self.top.set(piece);
            self.pieces.set(self.pieces.get() + 1);
        }
        has_room
    }
}

// SAFETY: each source does what is asked of it. Which of them a piece came from follows from its layout, which who gives it back has to know.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Source::of(layout) {
            Source::Shelf(steps) => SHELVES.with(|shelves| unsafe { shelves[steps].take(steps) }),
            Source::Mimalloc => unsafe { MiMalloc.alloc(layout) },
            Source::System => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Source::of(layout) {
            Source::Shelf(_) => unsafe {
                let piece = self.alloc(layout);
                if !piece.is_null() {
                    piece.write_bytes(0, layout.size());
                }
                piece
            },
            Source::Mimalloc => unsafe { MiMalloc.alloc_zeroed(layout) },
            Source::System => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match Source::of(layout) {
            Source::Shelf(steps) if SHELVES.with(|shelves| unsafe { shelves[steps].put(piece) }) => {}
            Source::Shelf(_) | Source::Mimalloc => unsafe { MiMalloc.dealloc(piece, layout) },
            Source::System => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the new size with the old alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (Source::of(layout), Source::of(wanted)) {
            (Source::Mimalloc, Source::Mimalloc) => unsafe { MiMalloc.realloc(piece, layout, bytes) },
            (Source::System, Source::System) => unsafe { System.realloc(piece, layout, bytes) },
            (one, other) if one == other => piece,
            _ => unsafe { self.moved(piece, layout, wanted) },
        }
    }
}

impl Allocator {
    /// A piece of another size, from another source.
    ///
    /// # Safety
    ///
    /// That of [`GlobalAlloc::realloc`].
    unsafe fn moved(&self, piece: *mut u8, layout: Layout, wanted: Layout) -> *mut u8 {
        // SAFETY: the caller vouches for the piece, and the new one is another.
        unsafe {
            let other = self.alloc(wanted);
            if !other.is_null() {
                other.copy_from_nonoverlapping(piece, layout.size().min(wanted.size()));
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

    use super::{Allocator, KEPT_BYTES, KEPT_PIECES, SMALL_BYTES};

    const SIZES: [usize; 16] = [
        1,
        SMALL_BYTES,
        SMALL_BYTES + 1,
        1 << 20,
        SMALL_BYTES + 1,
        SMALL_BYTES,
        2,
        1 << 17,
        3,
        16,
        17,
        100,
        40,
        KEPT_BYTES,
        KEPT_BYTES + 1,
        24,
    ];

    #[test]
    fn a_piece_keeps_what_is_in_it_whatever_size_it_is_given() {
        for align in [1, 8, 16, 64, 4096] {
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
    fn pieces_that_are_there_at_once_are_not_the_same() {
        for size in [1, 16, 40, KEPT_BYTES] {
            let layout = Layout::from_size_align(size, 1).unwrap();
            for _ in 0..2 {
                // SAFETY: each piece is written within its size, and given back once.
                unsafe {
                    let pieces: Vec<*mut u8> = (0..2 * KEPT_PIECES).map(|_| Allocator.alloc(layout)).collect();
                    for (mark, piece) in (0..).zip(&pieces) {
                        slice::from_raw_parts_mut(*piece, size).fill(mark);
                    }
                    for (mark, piece) in (0..).zip(&pieces) {
                        assert!(slice::from_raw_parts(*piece, size).iter().all(|byte| *byte == mark));
                    }
                    pieces.into_iter().for_each(|piece| Allocator.dealloc(piece, layout));
                }
            }
        }
    }

    #[test]
    fn another_thread_may_give_a_piece_back() {
        let pieces: Vec<Vec<u8>> = (0..10 * KEPT_PIECES).map(|mark| vec![mark as u8; 1 + mark % 200]).collect();
        let given = std::thread::spawn(move || {
            let again: Vec<Vec<u8>> = pieces.iter().map(|piece| vec![!piece[0]; piece.len()]).collect();
            assert!(pieces.iter().zip(&again).all(|(piece, other)| piece.iter().zip(other).all(|(one, other)| *one == !*other)));
            drop(pieces);
            again
        });
        let again = given.join().unwrap();
        assert!(again.iter().enumerate().all(|(mark, piece)| piece.iter().all(|byte| *byte == !(mark as u8))));
    }

    #[test]
    fn what_a_thread_gave_back_last_it_is_given_first() {
        let layout = Layout::from_size_align(48, 8).unwrap();
        // SAFETY: both are given back once, but for the last, which is not used any more.
        unsafe {
            let (first, second) = (Allocator.alloc(layout), Allocator.alloc(layout));
            Allocator.dealloc(first, layout);
            Allocator.dealloc(second, layout);
            assert_eq!(Allocator.alloc(Layout::from_size_align(33, 1).unwrap()), second);
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
