//! Memory does not grow with the number of scripts that were judged. A binary of its own, whose allocator counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use touchstone_benches::checker::{accepted, script, world};

/// Bytes that were given out and not given back.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it is; only lengths are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps what `GlobalAlloc` asks of it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps what `GlobalAlloc` asks of it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// one test: another one beside it would allocate as well
#[test]
fn memory_does_not_grow_with_the_number_of_scripts() {
    let world = world();
    let script = script(&world);
    let mut judged = 0;
    let mut live_after = |scripts: usize| {
        while judged < scripts {
            assert_eq!(accepted(&world, &script), script.len());
            judged += 1;
        }
        LIVE.load(Ordering::Relaxed)
    };
    let early = live_after(1_000);
    assert_eq!(live_after(10_000), early);
    // what is kept is seen
    let kept = Box::new([0_u8; 100]);
    assert_eq!(LIVE.load(Ordering::Relaxed), early + kept.len());
}
