//! One call in one state: the context in which the functions of the specification are written.
//!
//! Each function is written once, as a host would do it: look at the arguments, say which clauses apply, ask whether the call
//! [`succeeds`](Step::succeeds), and then do what it does, saying each result with the clause that decides it. What happens at
//! these points depends on the question: the *preferred* outcome is made up, a *seen* outcome is checked and bound.
//!
//! All clauses that apply before `succeeds` count alike, whichever a host would find first: the order of errors is nobody's to
//! say. So functions collect what is wrong and go on as long as they can.

use touchstone_model::trace::{Capture, TraceCall};
use touchstone_model::world::START_TIME_NANOSECONDS;
use touchstone_spec::consts::{fdflags, fdstat};
use touchstone_spec::{ClauseId, Errno, clause};

use crate::rules::{ErrnoSet, Preferred, Rule};
use crate::state::{Choice, Fd, Inode, InodeId, Rights, State, Time, What};

/// Why a function of the specification goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All is said.
    Done,
    /// It is about something of which nothing is known.
    Unjudged,
    /// It depends on a choice that is not made yet. Nothing has been changed.
    Undecided(Choice),
}

pub(crate) type Flow<T = ()> = Result<T, Stop>;

/// The question that is asked.
#[derive(Debug)]
pub(crate) enum Mode<'a> {
    /// What would you do?
    Prefer(Making),
    /// Was this right?
    Check(Seen<'a>),
    /// What becomes of the state if the call does what it can, whatever it says?
    Effect,
}

/// What the host's clocks show, and what has been made so far.
#[derive(Debug, Default)]
pub(crate) struct Making {
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    pub(crate) cpu: u64,
    /// Where random bytes come from.
    pub(crate) seed: u64,
    pub(crate) outputs: Vec<Capture>,
    pub(crate) end: Option<Preferred>,
    /// Nanoseconds that the call waits.
    pub(crate) waited: u64,
    /// The call waits for what never comes.
    pub(crate) for_ever: bool,
}

/// What was seen of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    Success(&'a [Capture]),
    Errno(u32),
    NoReturn,
}

/// What was said about a call. Its buffers are used again for the next one.
#[derive(Debug, Default, Clone)]
pub struct Findings {
    /// The clauses that applied, in the order in which they were found to.
    pub clauses: Vec<ClauseId>,
    /// The error codes that they permit.
    pub errnos: ErrnoSet,
    /// Of these, those that miss a `should`.
    pub discouraged: ErrnoSet,
    /// Whether success is permitted.
    pub success: bool,
    /// Whether the call may not come back.
    pub trap: bool,
    /// Results that are not as they should be.
    pub mismatches: Vec<Mismatch>,
    /// Clauses of level `should` that a result misses.
    pub missed: Vec<ClauseId>,
    pub(crate) preferred: Option<Preferred>,
    /// The clause because of which that is preferred.
    pub(crate) chosen_by: Option<ClauseId>,
    /// A right is missing and it is not known whether the runtime keeps rights.
    pub(crate) rights_open: bool,
    /// What was decided of the call.
    pub(crate) decided: Option<Decided>,
}

/// Whether what was seen is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    Accepted,
    Rejected,
}

/// A result that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub clause: ClauseId,
    /// What a result should have been, in words.
    pub expected: String,
    pub seen: String,
}

impl Findings {
    pub(crate) fn clear(&mut self) {
        self.clauses.clear();
        self.mismatches.clear();
        self.missed.clear();
        self.errnos = ErrnoSet::default();
        self.discouraged = ErrnoSet::default();
        self.success = true;
        self.trap = false;
        self.preferred = None;
        self.chosen_by = None;
        self.rights_open = false;
        self.decided = None;
    }
}

/// A call in a state.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) call: &'a TraceCall,
    pub(crate) mode: Mode<'a>,
    pub(crate) findings: &'a mut Findings,
    /// Results overlap in memory, so that nobody can say what each holds afterwards.
    pub(crate) loose: bool,
}

impl<'a> Step<'a> {
    /// A core parameter.
    pub(crate) fn arg(&self, index: usize) -> u64 {
        self.call.args.get(index).copied().unwrap_or_default()
    }

    /// A core parameter of 32 bits.
    pub(crate) fn arg32(&self, index: usize) -> u32 {
        u32::try_from(self.arg(index) & u64::from(u32::MAX)).unwrap_or_default()
    }

    /// Says that a clause applies: what it permits is permitted, and if it permits no success, the call must fail.
    pub(crate) fn applies(&mut self, clause: ClauseId) {
        let rule = Rule::of(clause);
        let is_the_kernel = self.state.world.host.is_the_kernel;
        let preferred = if is_the_kernel { rule.on_linux } else { rule.preferred };
        let findings = &mut *self.findings;
        findings.clauses.push(clause);
        findings.errnos = findings.errnos.union(rule.errnos);
        findings.discouraged = findings.discouraged.union(rule.discouraged);
        findings.trap |= rule.trap;
        if findings.success && !rule.success {
            findings.success = false;
            // what must fail outweighs what may; a kernel stops at what it finds first
            if findings.preferred.is_none() || !is_the_kernel {
                (findings.preferred, findings.chosen_by) = (preferred, Some(clause));
            }
        } else if findings.preferred.is_none() && preferred.is_some() {
            (findings.preferred, findings.chosen_by) = (preferred, Some(clause));
        }
        if rule.success_discouraged {
            findings.missed.push(clause);
        }
    }

    /// Says which clause an effect of a successful call comes from.
    pub(crate) fn cite(&mut self, clause: ClauseId) {
        self.findings.clauses.push(clause);
    }

    /// The point at which it is decided whether the call succeeds. After an error nothing has changed.
    pub(crate) fn succeeds(&mut self) -> Flow {
        self.bind_rights();
        let findings = &mut *self.findings;
        let accepted = match &mut self.mode {
            Mode::Effect => return Ok(()),
            Mode::Prefer(making) => {
                making.end = findings.preferred;
                return if making.end.is_none() { Ok(()) } else { Err(Stop::Done) };
            }
            Mode::Check(Seen::Success(_)) if findings.success => {
                findings.decided = Some(Decided::Accepted);
                return Ok(());
            }
            Mode::Check(Seen::Success(_)) => false,
            Mode::Check(Seen::Errno(raw)) => {
                let raw = *raw;
                if Errno::from_raw(raw).is_none() {
                    findings.clauses.push(clause!("program.errno-in-enum"));
                }
                // a call that fails misses no `should` by its success
                findings.missed.clear();
                if findings.discouraged.has(raw) {
                    let discouraging = |clause: &ClauseId| Rule::of(*clause).discouraged.has(raw);
                    findings.missed.extend(findings.clauses.iter().copied().filter(discouraging));
                }
                findings.errnos.has(raw)
            }
            Mode::Check(Seen::NoReturn) => {
                findings.missed.clear();
                findings.trap
            }
        };
        findings.decided = Some(if accepted { Decided::Accepted } else { Decided::Rejected });
        Err(Stop::Done)
    }

    /// Nothing more can go wrong; the call has no result.
    pub(crate) fn always(&mut self, clause: ClauseId) -> Flow {
        self.succeeds()?;
        self.cite(clause);
        Ok(())
    }

    fn bind_rights(&mut self) {
        if self.findings.rights_open {
            match self.mode {
                Mode::Check(Seen::Errno(raw)) if raw == u32::from(Errno::Notcapable.raw()) => {
                    self.state.choices.rights = Some(Rights::Kept);
                }
                Mode::Check(Seen::Success(_)) => self.state.choices.rights = Some(Rights::Dropped),
                Mode::Check(Seen::Errno(_) | Seen::NoReturn) | Mode::Prefer(_) | Mode::Effect => {}
            }
        }
    }

    /// What a runtime has chosen; where nothing has shown it yet, both ways must be followed.
    pub(crate) fn choice(&mut self, choice: Choice) -> Flow<bool> {
        let made = match choice {
            Choice::PwriteAppends => self.state.choices.pwrite_appends,
        };
        match (made, &self.mode) {
            (Some(made), _) => Ok(made),
            (None, Mode::Prefer(_)) => {
                self.state.choices = self.state.choices.with(choice, true);
                Ok(true)
            }
            (None, Mode::Check(_) | Mode::Effect) => Err(Stop::Undecided(choice)),
        }
    }

    // ---- arguments ----

    /// The descriptor whose number is a parameter. Without one the call fails as `bad_fd` says.
    pub(crate) fn fd(&mut self, index: usize, bad_fd: ClauseId) -> Flow<u32> {
        match self.open_fd(index, bad_fd)? {
            Some(number) => Ok(number),
            None => {
                self.succeeds()?;
                Err(Stop::Done)
            }
        }
    }

    /// The same, for a call that has more to look at: it goes on without the descriptor.
    pub(crate) fn open_fd(&mut self, index: usize, bad_fd: ClauseId) -> Flow<Option<u32>> {
        let number = self.arg32(index);
        match self.state.fds.get(number).map(|fd| fd.what) {
            Some(What::Foreign) => Err(Stop::Unjudged),
            Some(_) => Ok(Some(number)),
            None => {
                self.applies(bad_fd);
                if number < 3 {
                    self.applies(clause!("stdio.closed-by-guest"));
                } else if self.state.is_closed_preopen(number) {
                    self.applies(clause!("preopen.closed-is-gone"));
                }
                Ok(None)
            }
        }
    }

    /// A descriptor that is open.
    pub(crate) fn entry(&self, number: u32) -> Option<&Fd> {
        self.state.fds.get(number)
    }

    /// What a descriptor stands for.
    pub(crate) fn what(&self, number: u32) -> What {
        self.entry(number).map_or(What::Foreign, |fd| fd.what)
    }

    /// Says that a call needs rights.
    pub(crate) fn right(&mut self, number: u32, rights: u64) {
        if self.entry(number).is_some_and(|fd| fd.base & rights != rights) {
            self.missing_right(clause!("rights.missing-right"));
        }
    }

    /// Says that a call needs several rights, as a clause has it.
    pub(crate) fn rights(&mut self, number: u32, rights: u64, clause: ClauseId) {
        self.cite(clause);
        if self.entry(number).is_some_and(|fd| fd.base & rights != rights) {
            self.missing_right(clause);
        }
    }

    /// Says that a call is about another type of file than its right is for: a runtime that keeps rights may not have given it.
    pub(crate) fn wrong_type(&mut self) {
        self.permits(clause!("rights.wrong-type"));
    }

    /// Says that what a clause permits is permitted as well, whatever others say; the specification itself would not choose it.
    pub(crate) fn permits(&mut self, clause: ClauseId) {
        let (success, preferred) = (self.findings.success, self.findings.preferred);
        self.applies(clause);
        self.findings.success = success;
        self.findings.preferred = preferred;
    }

    /// Says that what is wrong with a path may stay unseen: there is nothing to do with it.
    pub(crate) fn need_not_look(&mut self) {
        self.findings.success = true;
        if self.state.world.host.is_the_kernel {
            self.findings.preferred = None;
        }
    }

    /// Says that a right is missing, which matters to runtimes that keep rights.
    pub(crate) fn missing_right(&mut self, clause: ClauseId) {
        match self.state.choices.rights {
            Some(Rights::Kept) => {
                self.applies(clause);
                self.findings.success = false;
                self.findings.preferred = Some(Preferred::Errno(Errno::Notcapable));
            }
            Some(Rights::Dropped) => self.cite(clause!("rights.not-enforced")),
            None => {
                let was_success = self.findings.success;
                self.applies(clause);
                self.findings.success = was_success;
                self.cite(clause!("rights.not-enforced"));
                self.findings.rights_open = true;
            }
        }
    }

    /// Whether a descriptor has a flag of `fdflags`.
    pub(crate) fn has_flag(&self, number: u32, flag: u64) -> bool {
        self.entry(number).and_then(|fd| fd.flags).is_some_and(|flags| flags & flag != 0)
    }

    /// Whether writes go to the end.
    pub(crate) fn appends(&self, number: u32) -> bool {
        self.has_flag(number, fdflags::APPEND)
    }

    /// Says that bits which no flag has were given.
    pub(crate) fn unknown_bits(&mut self, index: usize, known: u64, clause: ClauseId) {
        if self.arg(index) & !known != 0 {
            self.applies(clause);
        }
    }

    /// The bytes that a call was given; the pointer was checked before.
    pub(crate) fn input(&mut self, index: usize) -> Flow<&'a [u8]> {
        let call = self.call;
        match call.inputs.get(index).and_then(|capture| capture.bytes.as_deref()) {
            Some(bytes) => Ok(bytes),
            // the pointer lies outside, which a clause of memory has said: there is nothing to go on with
            None => {
                self.succeeds()?;
                Err(Stop::Done)
            }
        }
    }

    // ---- results ----

    /// What was seen of an output; `None` where it is being made.
    pub(crate) fn seen(&self, index: usize) -> Option<&'a Capture> {
        match &self.mode {
            Mode::Check(Seen::Success(outputs)) if !self.loose => outputs.get(index),
            Mode::Check(_) | Mode::Prefer(_) | Mode::Effect => None,
        }
    }

    /// Makes an output where one is wanted.
    pub(crate) fn make(&mut self, bytes: Vec<u8>) {
        if let Mode::Prefer(making) = &mut self.mode {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            making.outputs.push(Capture { len, bytes: Some(bytes) });
        }
    }

    /// A number of `bytes` bytes as a result. Gives what the guest now takes it to be.
    pub(crate) fn number(&mut self, index: usize, bytes: usize, value: u64, clause: ClauseId, name: &str) -> u64 {
        self.cite(clause);
        self.cite(clause!("program.results-through-pointers"));
        self.make(value.to_le_bytes()[..bytes].to_vec());
        match self.seen(index).map(|capture| number_at(capture.kept(), 0, bytes)) {
            None => value,
            Some(seen) => {
                self.compare(clause, name, value, seen);
                seen
            }
        }
    }

    /// Notes a mismatch if two numbers differ.
    pub(crate) fn compare(&mut self, clause: ClauseId, name: &str, expected: u64, seen: u64) {
        if expected != seen {
            self.mismatch(clause, format!("{name} {expected}"), format!("{name} {seen}"));
        }
    }

    /// Notes that a result is not as it should be.
    pub(crate) fn mismatch(&mut self, clause: ClauseId, expected: String, seen: String) {
        self.findings.mismatches.push(Mismatch { clause, expected, seen });
    }

    /// Notes that a result misses a `should`.
    pub(crate) fn miss(&mut self, clause: ClauseId) {
        self.findings.missed.push(clause);
    }

    /// The call cannot come back: what it waits for never comes. `clause` says what it waits for.
    pub(crate) fn waits_for_ever(&mut self, clause: ClauseId) -> Flow {
        if let Mode::Prefer(making) = &mut self.mode {
            making.for_ever = true;
        } else {
            self.mismatch(clause, "a wait, since nothing has come".to_owned(), "success".to_owned());
        }
        Err(Stop::Done)
    }

    /// The number of a descriptor that the call opened, which must be `free`.
    pub(crate) fn new_fd(&mut self, index: usize, free: ClauseId) -> u32 {
        let lowest = self.state.fds.lowest_free();
        self.cite(free);
        self.make(lowest.to_le_bytes().to_vec());
        let Some(seen) = self.seen(index) else { return lowest };
        let number = u32::try_from(number_at(seen.kept(), 0, 4)).unwrap_or_default();
        if self.entry(number).is_some() {
            self.mismatch(free, "a descriptor that is not in use".to_owned(), format!("descriptor {number}"));
        }
        number
    }

    /// A time in words that are the same in every run: exact only where a guest or a case set a time to it.
    pub(crate) fn time_text(&self, time: u64) -> String {
        let was_set = |inode: &Inode| inode.atime == Time::Set(time) || inode.mtime == Time::Set(time);
        match time {
            START_TIME_NANOSECONDS => "<start>".to_owned(),
            _ if time == 0 || self.state.inodes.iter().any(|(_, inode)| was_set(inode)) => time.to_string(),
            _ => "<time>".to_owned(),
        }
    }

    /// What the host's clock shows, for what is being made.
    pub(crate) fn made_now(&self) -> u64 {
        match &self.mode {
            Mode::Prefer(making) => making.realtime,
            Mode::Check(_) | Mode::Effect => 0,
        }
    }

    /// The time that the host puts on what happens now.
    pub(crate) fn now(&self) -> Time {
        match &self.mode {
            Mode::Prefer(making) => Time::Seen(making.realtime),
            Mode::Check(_) | Mode::Effect => self.state.now(),
        }
    }

    /// Says that a file was changed now.
    pub(crate) fn touch(&mut self, inode: InodeId) {
        let now = self.now();
        let file = self.state.inodes.get_mut(inode);
        file.mtime = now;
        file.ctime = now;
    }
}

/// A little-endian number in bytes; what lies behind their end counts as zero.
pub(crate) fn number_at(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut out = [0; 8];
    let there = bytes.get(at..).unwrap_or_default();
    let len = len.min(8).min(there.len());
    out[..len].copy_from_slice(&there[..len]);
    u64::from_le_bytes(out)
}

/// Puts a little-endian number into bytes.
pub(crate) fn put_at(bytes: &mut [u8], at: usize, len: usize, value: u64) {
    if let Some(place) = bytes.get_mut(at..at + len) {
        place.copy_from_slice(&value.to_le_bytes()[..len]);
    }
}

/// The bytes of an `fdstat`.
pub(crate) fn fdstat_bytes(filetype: u64, flags: u64, base: u64, inheriting: u64) -> Vec<u8> {
    let mut bytes = vec![0; fdstat::BYTES];
    put_at(&mut bytes, fdstat::FS_FILETYPE, 1, filetype);
    put_at(&mut bytes, fdstat::FS_FLAGS, 2, flags);
    put_at(&mut bytes, fdstat::FS_RIGHTS_BASE, 8, base);
    put_at(&mut bytes, fdstat::FS_RIGHTS_INHERITING, 8, inheriting);
    bytes
}
