//! How verdicts are written where there is little room: a letter in the data, a symbol in a cell, and what they mean.

use serde::Serialize;
use touchstone_model::Verdict;
use touchstone_model::result::RuntimeResult;

/// A verdict as the page shows it.
#[derive(Debug, Serialize)]
pub(super) struct Sign {
    /// As `report.json` spells it.
    pub(super) name: &'static str,
    code: char,
    symbol: &'static str,
    meaning: &'static str,
}

/// The letter for a case that has no result on a runtime.
pub(super) const NOT_RUN: char = '.';

/// From best to worst. `discouraged` is `permitted` where a `should` is missed.
pub(super) const SIGNS: [Sign; 10] = [
    Sign { name: "pass", code: 'p', symbol: "✓", meaning: "permitted, and equal to the reference" },
    Sign { name: "permitted", code: 'm', symbol: "≈", meaning: "permitted, and different: a clause leaves it open" },
    Sign { name: "discouraged", code: 'd', symbol: "≉", meaning: "permitted, and a “should” is missed" },
    Sign { name: "known", code: 'k', symbol: "≠", meaning: "different, exactly as a divergence file says" },
    Sign { name: "unsupported", code: 'u', symbol: "∅", meaning: "needs a feature that a probe has proven absent" },
    Sign { name: "stale", code: 's', symbol: "↺", meaning: "a divergence file says that something differs, but it does not" },
    Sign { name: "failed", code: 'f', symbol: "✗", meaning: "not permitted, and nobody has explained it yet" },
    Sign { name: "timed-out", code: 't', symbol: "…", meaning: "the run did not end in time" },
    Sign { name: "crashed", code: 'c', symbol: "‼", meaning: "the host process died, or took too much memory" },
    Sign { name: "escaped", code: 'e', symbol: "⇱", meaning: "the guest read or changed something outside its directories" },
];

/// The symbol of a verdict.
pub(super) fn symbol(name: &str) -> &'static str {
    SIGNS.iter().find(|sign| sign.name == name).map_or("", |sign| sign.symbol)
}

/// The letter for what a case came to on a runtime.
pub(super) fn code(result: Option<&RuntimeResult>) -> char {
    let Some((result, verdict)) = result.and_then(|result| Some((result, result.verdict()?))) else { return NOT_RUN };
    let discouraged = result.profiles.values().any(|profile| !profile.judgement.discouraged.is_empty());
    letter(verdict, discouraged)
}

/// The letter for a verdict.
pub(super) fn letter(verdict: Verdict, discouraged: bool) -> char {
    let name = if verdict == Verdict::Permitted && discouraged { "discouraged" } else { verdict.name() };
    SIGNS.iter().find(|sign| sign.name == name).map_or(NOT_RUN, |sign| sign.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_a_letter_and_a_symbol_of_its_own() {
        let mut letters: Vec<char> = Verdict::ALL.into_iter().map(|verdict| letter(verdict, false)).collect();
        letters.push(letter(Verdict::Permitted, true));
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), SIGNS.len());
        assert!(!letters.contains(&NOT_RUN));
        for sign in &SIGNS {
            assert_eq!(SIGNS.iter().filter(|other| other.symbol == sign.symbol).count(), 1, "{}", sign.name);
        }
    }

    #[test]
    fn the_order_is_that_of_verdicts() {
        let place = |verdict: Verdict| SIGNS.iter().position(|sign| sign.name == verdict.name());
        assert!(Verdict::ALL.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
    }
}
