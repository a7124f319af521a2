//! What a guest has seen of a directory through one descriptor: the order of the entries is the runtime's, and cookies mean
//! something to it only, so both are learnt.

use super::inodes::Name;

/// What was learnt of a directory's order since its start was last asked for.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// How many changes the directory had seen when the listing began.
    pub began_at_change: usize,
    /// Entries in the order in which they came, each with the cookie of what follows it.
    pub order: Vec<(Name, u64)>,
    /// The end was reached: there is nothing after the last entry.
    pub ended: bool,
}

impl Listing {
    /// A listing that begins now, in a directory that has seen this many changes.
    pub fn begin(changes: usize) -> Listing {
        Listing { began_at_change: changes, order: Vec::new(), ended: false }
    }

    /// The place of the first entry that a call with this cookie returns; `None` for a cookie that no entry gave.
    pub fn place_of(&self, cookie: u64) -> Option<usize> {
        if cookie == 0 {
            return Some(0);
        }
        self.order.iter().position(|(_, next)| *next == cookie).map(|place| place + 1)
    }
}
