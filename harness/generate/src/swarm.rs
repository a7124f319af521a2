//! What a single sample is about.
//!
//! Swarm testing (Groce, Zhang, Eide, Chen and Regehr, "Swarm testing", 2012): a sample that leaves out half of what could be
//! called reaches states in which what would have been left out is never in the way.

use std::sync::LazyLock;

use touchstone_spec::{Function, Type};

use crate::dice::{Dice, nearest};
use crate::mix::{Functions, Mix};

/// Bytes of the input that decide what a sample is about.
pub(crate) const BYTES: usize = 24;

/// What a sample is about.
#[derive(Debug)]
pub(crate) struct Swarm {
    functions: Functions,
    /// For each flag of each type in [`FLAGS`], from the lowest bit on, whether valid calls may set it.
    flags: u64,
    /// For each class of odd paths, from the lowest bit on, whether it is in play.
    pub(crate) paths: u64,
    /// For each way of writing a plain path, from the lowest bit on, whether it is in play.
    pub(crate) spellings: u8,
}

/// Where the flags of each type start among those of a swarm. Rights are narrowed where a descriptor is opened.
const FLAGS: [(&str, u32); 5] = [("oflags", 0), ("fdflags", 4), ("fstflags", 9), ("lookupflags", 13), ("riflags", 14)];

/// How often each function is called, out of 256 draws.
const WEIGHTS: [(Function, u8); 44] = [
    (Function::ArgsGet, 2),
    (Function::ArgsSizesGet, 2),
    (Function::EnvironGet, 2),
    (Function::EnvironSizesGet, 2),
    (Function::ClockResGet, 3),
    (Function::ClockTimeGet, 3),
    (Function::FdAdvise, 4),
    (Function::FdAllocate, 4),
    (Function::FdClose, 6),
    (Function::FdDatasync, 3),
    (Function::FdFdstatGet, 6),
    (Function::FdFdstatSetFlags, 5),
    (Function::FdFdstatSetRights, 4),
    (Function::FdFilestatGet, 7),
    (Function::FdFilestatSetSize, 7),
    (Function::FdFilestatSetTimes, 5),
    (Function::FdPread, 8),
    (Function::FdPrestatGet, 3),
    (Function::FdPrestatDirName, 3),
    (Function::FdPwrite, 8),
    (Function::FdRead, 10),
    (Function::FdReaddir, 9),
    (Function::FdRenumber, 5),
    (Function::FdSeek, 9),
    (Function::FdSync, 3),
    (Function::FdTell, 5),
    (Function::FdWrite, 12),
    (Function::PathCreateDirectory, 9),
    (Function::PathFilestatGet, 10),
    (Function::PathFilestatSetTimes, 5),
    (Function::PathLink, 9),
    (Function::PathOpen, 22),
    (Function::PathReadlink, 6),
    (Function::PathRemoveDirectory, 7),
    (Function::PathRename, 13),
    (Function::PathSymlink, 9),
    (Function::PathUnlinkFile, 8),
    (Function::PollOneoff, 4),
    (Function::SchedYield, 2),
    (Function::RandomGet, 4),
    (Function::SockAccept, 2),
    (Function::SockRecv, 2),
    (Function::SockSend, 2),
    (Function::SockShutdown, 2),
];

/// Each function as often as its weight, well mixed, so that a function that is not in play leaves its draws to many others.
static RING: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let line: Vec<Function> = WEIGHTS.iter().flat_map(|(function, weight)| vec![*function; usize::from(*weight)]).collect();
    // a stride without a common divisor reaches every place once
    let stride = (line.len() * 5 / 8..).find(|stride| greatest_common_divisor(*stride, line.len()) == 1).unwrap_or(1);
    (0..line.len()).map(|index| line[index * stride % line.len()]).collect()
});

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Swarm {
    /// Draws what a sample is about.
    pub(crate) fn draw(dice: &mut Dice<BYTES>, mix: &Mix) -> Swarm {
        // a quarter of the samples is about everything, and few are not about opening files
        let everything = dice.percent(25);
        let opens = if dice.percent(94) { 1 << Function::PathOpen.index() } else { 0 };
        let subset = dice.word() | opens;
        let mut mask = || if everything { u64::MAX } else { dice.word() };
        let (flags, odd) = (mask(), mask());
        let functions = mix.functions.masked(if everything { u64::MAX } else { subset });
        Swarm { functions: if functions.is_empty() { mix.functions } else { functions }, flags, paths: odd, spellings: (odd >> 56) as u8 }
    }

    /// Whether a function is in play.
    pub(crate) fn has(&self, function: Function) -> bool {
        self.functions.contains(function)
    }

    /// The function that comes first from a place on; `None` if only the end of the program is in play.
    pub(crate) fn function(&self, at: u8) -> Option<Function> {
        let ring = &*RING;
        let start = usize::from(at) * ring.len() / 256;
        let (before, from) = ring.split_at(start);
        from.iter().chain(before).copied().find(|function| self.has(*function))
    }

    /// Those of the flags of a type that valid calls may set.
    pub(crate) fn flags(&self, ty: &Type) -> u64 {
        let place = FLAGS.iter().find(|(name, _)| ty.name == Some(name)).map_or(0, |(_, place)| *place);
        (self.flags >> place) & ty.all_flags()
    }

    /// Which of so many classes of odd paths comes first from a place on.
    pub(crate) fn path_class(&self, at: u8, classes: usize) -> usize {
        let key = |class: usize| (class * 256 / classes) as u8;
        let in_play = (0..classes).filter(|class| self.paths & (1 << class) != 0);
        let drawn = nearest(at, in_play.map(|class| (key(class), class)));
        drawn.unwrap_or(usize::from(at) * classes / 256)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arbitrary::Unstructured;

    use super::*;

    fn swarm(byte: u8, mix: &Mix) -> Swarm {
        Swarm::draw(&mut Dice::take(&mut Unstructured::new(&[byte; BYTES])), mix)
    }

    #[test]
    fn a_sample_about_everything_leaves_nothing_out() {
        let swarm = swarm(0, &Mix::default());
        let functions: BTreeSet<Function> = (0..=255).filter_map(|at| swarm.function(at)).collect();
        assert_eq!(functions.len(), WEIGHTS.len());
        let classes: BTreeSet<usize> = (0..=255).map(|at| swarm.path_class(at, 51)).collect();
        assert_eq!(classes, (0..51).collect());
    }

    #[test]
    fn other_samples_leave_half_of_it_out() {
        let swarm = swarm(0xaa, &Mix::default());
        let functions: BTreeSet<Function> = (0..=255).filter_map(|at| swarm.function(at)).collect();
        assert!((20..26).contains(&functions.len()), "{functions:?}");
        assert!(swarm.has(Function::PathOpen));
        let classes: BTreeSet<usize> = (0..=255).map(|at| swarm.path_class(at, 51)).collect();
        assert_eq!(classes.len(), 25);
    }

    #[test]
    fn what_a_mix_leaves_out_is_never_drawn() {
        let mix = Mix { functions: Functions::of(&[Function::FdSync]), ..Mix::default() };
        for byte in [0, 0x55, 0xaa, 0xff] {
            assert!((0..=255).all(|at| swarm(byte, &mix).function(at) == Some(Function::FdSync)));
        }
    }
}
