//! One script on the reference with a fault: is it found, and by what?

use std::collections::BTreeMap;

use touchstone_generate::Sample;
use touchstone_guest::script::program::Program;
use touchstone_guest::script::{PlayedEnd, Player, program};
use touchstone_model::observation::TrapClass;
use touchstone_model::trace::{Trace, TraceState};
use touchstone_model::tree::Content;
use touchstone_model::{Case, End, Observation, bounds, judge};
use touchstone_oracle::check::Said;
use touchstone_oracle::state::Link;
use touchstone_oracle::{Checker, Host, State, report, snapshot};
use touchstone_spec::Function;

use crate::fault::{Fault, Site, every_call};
use crate::faulty::Faulty;

/// A script that is tried on one fault after the other.
#[derive(Debug)]
pub struct Trial<'a> {
    sample: &'a Sample,
    program: Program,
    /// The case that the script is of, whose author expects something.
    case: Option<&'a Case>,
}

/// What found a fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The checker refused a call of this function.
    Call(String),
    /// The end, the output or the tree is not what the calls came to.
    Run(String),
    /// The author of the case expected something else.
    Author,
    /// The guest went on otherwise than on the reference as it is, after the same answers.
    Guest,
}

impl<'a> Trial<'a> {
    /// A script to try. None that cannot be laid out is one.
    pub fn new(sample: &'a Sample, case: Option<&'a Case>) -> Option<Trial<'a>> {
        let program = program::program(&sample.script, &sample.world).ok()?;
        Some(Trial { sample, program, case })
    }

    /// The branches that the script comes through on the reference as it is, each with the numbers of the calls that do; and what is
    /// wrong with that, which is nothing. Branches are those of the checker, which cites what a result has to be as well.
    pub fn survey(&self, player: &mut Player) -> (BTreeMap<Site, Vec<usize>>, Option<By>) {
        let mut honest = Faulty::honest(&self.sample.world);
        let end = player.play(&self.program, &mut honest);
        let mut sites: BTreeMap<Site, Vec<usize>> = BTreeMap::new();
        let mut checker = Checker::new(&self.sample.world, Host::LINUX);
        for (number, call) in player.calls().iter().enumerate() {
            let _ = checker.call(call);
            let exits = call.function == Function::ProcExit;
            let succeeds = call.outcome.as_ref().map_or(exits, |outcome| outcome.errno == 0);
            for clause in checker.findings().clauses.iter().copied().chain(every_call(call)) {
                let strikes = sites.entry(Site { function: call.function, clause, succeeds }).or_default();
                strikes.extend((strikes.last() != Some(&number)).then_some(number));
            }
        }
        (sites, self.judge(player, &honest, end))
    }

    /// All that the script comes to on the reference as it is, to compare with.
    pub fn honest(&self, player: &mut Player) -> String {
        let mut honest = Faulty::honest(&self.sample.world);
        let end = player.play(&self.program, &mut honest);
        everything(player, &honest, end)
    }

    /// Whether a fault makes any difference to that, to whoever could see everything. `None`: it had no chance to.
    pub fn makes_a_difference(&self, player: &mut Player, fault: Fault, strikes: &[usize], honest: &str) -> Option<bool> {
        let mut faulty = Faulty::with(&self.sample.world, fault, strikes);
        let end = player.play(&self.program, &mut faulty);
        faulty.struck().then(|| everything(player, &faulty, end) != honest)
    }

    /// Plays the script with a fault.
    pub fn attempt(&self, player: &mut Player, fault: Fault, strikes: &[usize]) -> Option<By> {
        let mut faulty = Faulty::with(&self.sample.world, fault, strikes);
        let end = player.play(&self.program, &mut faulty);
        if !faulty.struck() {
            return None;
        }
        self.judge(player, &faulty, end).or_else(|| self.asks_otherwise(player, fault, &observation(player, &faulty, end)))
    }

    /// What a call changes besides its results shows in what the guest goes on to ask.
    fn asks_otherwise(&self, player: &mut Player, fault: Fault, seen: &Observation) -> Option<By> {
        if !fault.kind.is_stray() {
            return None;
        }
        let mut honest = Faulty::honest(&self.sample.world);
        let end = player.play(&self.program, &mut honest);
        let reference = observation(player, &honest, end);
        judge::question(seen, &reference).map(|_| By::Guest)
    }

    /// What the oracle and the author say of a run. They know nothing of any fault.
    fn judge(&self, player: &Player, guest: &Faulty, end: PlayedEnd) -> Option<By> {
        let mut checker = Checker::new(&self.sample.world, Host::LINUX);
        for call in player.calls() {
            if checker.call(call) == Ok(Said::Rejected) {
                return Some(By::Call(call.function.name().to_owned()));
            }
        }
        let observation = observation(player, guest, end);
        if let Some(departure) = report::outcome(&checker, &observation).first() {
            return Some(By::Run(departure.place.split(' ').next().unwrap_or_default().to_owned()));
        }
        let case = self.case.filter(|case| !judge::authored(case, &observation).is_empty());
        case.map(|_| By::Author)
    }
}

fn everything(player: &Player, guest: &Faulty, end: PlayedEnd) -> String {
    format!("{end:?} {:?} {:?}", player.calls(), guest.state())
}

fn observation(player: &Player, guest: &Faulty, end: PlayedEnd) -> Observation {
    let output = |index: usize| Content::kept(&guest.state().output[index].written, bounds::OUTPUT_KEPT_BYTES);
    Observation {
        end: match end {
            PlayedEnd::Returned => End::Exit { code: 0 },
            PlayedEnd::Exited(code) => End::Exit { code },
            PlayedEnd::Trapped | PlayedEnd::Waits => End::Trap { class: TrapClass::Host },
        },
        stdout: output(0),
        stderr: output(1),
        tree: snapshot(guest.state()),
        trace: Trace { calls: player.calls().to_vec(), state: TraceState::Complete },
        received: received(guest.state()),
        leaked_fds: Vec::new(),
        escapes: Vec::new(),
        peak_memory_bytes: 0,
    }
}

/// What the other sides of connections received.
fn received(state: &State) -> BTreeMap<String, Content> {
    let sent = state.sockets.iter().filter_map(|socket| match &socket.link {
        Link::Connected(connection) => Some((socket.name.clone(), Content::kept(&connection.sent, bounds::RECEIVED_KEPT_BYTES))),
        Link::Listening(_) | Link::Unconnected => None,
    });
    sent.collect()
}
