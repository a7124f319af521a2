//! Arguments, environment, randomness and the end of the program.

use touchstone_spec::consts::signal;
use touchstone_spec::{ClauseId, clause};

use crate::step::{Flow, Mode, Seen, Step, number_at};

/// Random bytes of which two runs of this length never are the same.
const NEVER_EQUAL_BYTES: usize = 16;

fn arguments(step: &Step<'_>) -> Vec<Vec<u8>> {
    step.state.world.args.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

fn variables(step: &Step<'_>) -> Vec<Vec<u8>> {
    step.state.world.env.iter().map(|(key, value)| format!("{key}={value}").into_bytes()).collect()
}

pub(crate) fn args_sizes_get(step: &mut Step<'_>) -> Flow {
    let strings = arguments(step);
    sizes(step, &strings, clause!("args_sizes_get.counts-and-bytes"), clause!("args_sizes_get.no-arguments"), ["argc", "argv_buf_size"])
}

pub(crate) fn environ_sizes_get(step: &mut Step<'_>) -> Flow {
    let strings = variables(step);
    let names = ["environc", "environ_buf_size"];
    sizes(step, &strings, clause!("environ_sizes_get.counts-and-bytes"), clause!("environ_sizes_get.no-variables"), names)
}

fn sizes(step: &mut Step<'_>, strings: &[Vec<u8>], clause: ClauseId, none: ClauseId, names: [&str; 2]) -> Flow {
    step.succeeds()?;
    if strings.is_empty() {
        step.cite(none);
    }
    let bytes: usize = strings.iter().map(|text| text.len() + 1).sum();
    step.number(0, 4, strings.len() as u64, clause, names[0]);
    step.number(1, 4, bytes as u64, clause, names[1]);
    Ok(())
}

pub(crate) fn args_get(step: &mut Step<'_>) -> Flow {
    let wanted = arguments(step);
    step.always(clause!("args_get.repeatable"))?;
    match wanted.first() {
        None => step.cite(clause!("args_get.no-arguments")),
        Some(_) => step.cite(clause!("args_get.program-name-first")),
    }
    if wanted.iter().any(Vec::is_empty) {
        step.cite(clause!("args_get.empty-argument"));
    }
    make_strings(step, &wanted);
    let clauses = StringClauses {
        fits: clause!("args_get.fits-the-sizes"),
        ended: clause!("args_get.zero-terminated"),
        pointers: clause!("args_get.pointers-into-buffer"),
    };
    let Some(seen) = strings(step, wanted.len(), &clauses) else { return Ok(()) };
    step.cite(clause!("args_get.in-order"));
    step.cite(clause!("args_get.unchanged"));
    if seen != wanted {
        let (mut sorted_seen, mut sorted) = (seen.clone(), wanted.clone());
        sorted_seen.sort();
        sorted.sort();
        let clause = if sorted_seen == sorted { clause!("args_get.in-order") } else { clause!("args_get.unchanged") };
        step.mismatch(clause, list(&wanted), list(&seen));
    }
    Ok(())
}

pub(crate) fn environ_get(step: &mut Step<'_>) -> Flow {
    let wanted = variables(step);
    step.always(clause!("environ_get.repeatable"))?;
    if wanted.is_empty() {
        step.cite(clause!("environ_get.no-variables"));
    }
    if step.state.world.env.iter().any(|(_, value)| value.is_empty()) {
        step.cite(clause!("environ_get.empty-value"));
    }
    make_strings(step, &wanted);
    let clauses = StringClauses {
        fits: clause!("environ_get.fits-the-sizes"),
        ended: clause!("environ_get.zero-terminated"),
        pointers: clause!("environ_get.pointers-into-buffer"),
    };
    let Some(mut seen) = strings(step, wanted.len(), &clauses) else { return Ok(()) };
    step.cite(clause!("environ_get.key-equals-value"));
    step.cite(clause!("environ_get.only-what-was-given"));
    step.cite(clause!("environ_get.order"));
    let mut wanted = wanted;
    seen.sort();
    wanted.sort();
    if let Some(extra) = seen.iter().find(|text| !wanted.contains(text)) {
        let clause =
            if extra.contains(&b'=') { clause!("environ_get.only-what-was-given") } else { clause!("environ_get.key-equals-value") };
        step.mismatch(clause, list(&wanted), list(&seen));
    } else if seen != wanted {
        step.mismatch(clause!("environ_get.fits-the-sizes"), list(&wanted), list(&seen));
    }
    Ok(())
}

fn list(strings: &[Vec<u8>]) -> String {
    let texts: Vec<String> = strings.iter().map(|text| super::buffers::text(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The pointers and the texts, one after the other.
fn make_strings(step: &mut Step<'_>, strings: &[Vec<u8>]) {
    let mut address = step.arg(1);
    let (mut pointers, mut data) = (Vec::new(), Vec::new());
    for text in strings {
        pointers.extend_from_slice(&address.to_le_bytes()[..4]);
        data.extend_from_slice(text);
        data.push(0);
        address += text.len() as u64 + 1;
    }
    step.make(pointers);
    step.make(data);
}

struct StringClauses {
    fits: ClauseId,
    ended: ClauseId,
    pointers: ClauseId,
}

/// The texts that a call stored, found through its pointers. `None` where there is nothing to look at or something is wrong.
fn strings(step: &mut Step<'_>, count: usize, clauses: &StringClauses) -> Option<Vec<Vec<u8>>> {
    let (pointers, data) = (step.seen(0)?.kept(), step.seen(1)?.kept());
    for clause in [clauses.fits, clauses.ended, clauses.pointers] {
        step.cite(clause);
    }
    if pointers.len() != count * 4 {
        step.mismatch(clauses.fits, format!("{count} texts"), format!("{} texts", pointers.len() / 4));
        return None;
    }
    let base = step.arg(1);
    let mut out = Vec::new();
    for pointer in pointers.chunks_exact(4) {
        let address = number_at(pointer, 0, 4);
        let start = address.checked_sub(base).and_then(|start| usize::try_from(start).ok()).filter(|start| *start < data.len());
        let Some(rest) = start.map(|start| &data[start..]) else {
            step.mismatch(clauses.pointers, "pointers into the buffer".to_owned(), "a pointer elsewhere".to_owned());
            return None;
        };
        let Some(end) = rest.iter().position(|byte| *byte == 0) else {
            step.mismatch(clauses.ended, "a zero byte behind each text".to_owned(), "none behind the last".to_owned());
            return None;
        };
        out.push(rest[..end].to_vec());
    }
    Some(out)
}

pub(crate) fn random_get(step: &mut Step<'_>) -> Flow {
    let len = step.arg(1);
    if step.arg(0).saturating_add(len) > step.call.memory_bytes && len > 0 {
        step.applies(clause!("random_get.huge-length"));
    } else if len > 0x1_0000 {
        step.applies(clause!("random_get.large-buffer"));
    }
    step.succeeds()?;
    if len == 0 {
        step.cite(clause!("random_get.zero-length"));
    }
    step.cite(clause!("random_get.fills-the-buffer"));
    if let Mode::Prefer(making) = &mut step.mode {
        let bytes = generated(&mut making.seed, len);
        step.make(bytes);
    }
    let Some(seen) = step.seen(0).map(|capture| capture.kept()) else { return Ok(()) };
    if seen.len() < NEVER_EQUAL_BYTES {
        return Ok(());
    }
    step.cite(clause!("random_get.differs"));
    if seen.iter().all(|byte| *byte == 0) {
        step.mismatch(clause!("random_get.fills-the-buffer"), "random bytes".to_owned(), "zeros".to_owned());
    }
    let beginning = &seen[..NEVER_EQUAL_BYTES];
    if step.state.random.iter().any(|known| known == beginning) {
        step.mismatch(clause!("random_get.differs"), "other bytes than before".to_owned(), "the same bytes as before".to_owned());
    }
    step.state.random.push(beginning.to_vec());
    Ok(())
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators"): enough for a reference, not for secrets.
fn generated(seed: &mut u64, len: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while (out.len() as u64) < len {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *seed;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    out.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    out
}

pub(crate) fn sched_yield(step: &mut Step<'_>) -> Flow {
    step.always(clause!("sched_yield.succeeds"))
}

/// The one function that does not come back. With which code the program then ends is looked at when the run is judged.
pub(crate) fn proc_exit(step: &mut Step<'_>) -> Flow {
    step.applies(clause!("proc_exit.never-returns"));
    let clause = match step.arg32(0) {
        0 => clause!("proc_exit.zero-is-success"),
        1..126 => clause!("proc_exit.code-reaches-host"),
        126..256 => clause!("proc_exit.large-codes"),
        _ => clause!("proc_exit.beyond-a-byte"),
    };
    step.applies(clause);
    if step.state.output.iter().any(|output| !output.written.is_empty()) {
        step.cite(clause!("proc_exit.ends-without-flush"));
    }
    step.succeeds()
}

pub(crate) fn proc_raise(step: &mut Step<'_>) -> Flow {
    let number = step.arg(0);
    let clause = match number {
        signal::NONE => clause!("proc_raise.none"),
        signal::PIPE | signal::CHLD | signal::URG | signal::WINCH => clause!("proc_raise.ignored"),
        signal::CONT => clause!("proc_raise.continues"),
        signal::STOP | signal::TSTP | signal::TTIN | signal::TTOU => clause!("proc_raise.stops"),
        _ if number > signal::SYS => clause!("proc_raise.unknown-signal"),
        _ => clause!("proc_raise.effect"),
    };
    step.applies(clause);
    if clause == clause!("proc_raise.effect")
        && let Mode::Check(Seen::Success(_)) = step.mode
    {
        step.miss(clause!("proc_raise.no-empty-success"));
    }
    step.succeeds()
}
