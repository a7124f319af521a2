//! What calls that move bytes have in common: their buffers, and what descriptors refuse them.

use touchstone_model::trace::{Capture, buffers};
use touchstone_spec::ClauseId;

use crate::state::{Offset, Stream};
use crate::step::{Flow, Mode, Seen, Step, Stop, number_at};

/// The largest position that POSIX can express.
pub(super) const LARGEST: u64 = i64::MAX.cast_unsigned();

/// A call that a clause lets do nothing but fail; where it succeeds all the same, nothing is known of what it did.
pub(super) fn never(step: &mut Step<'_>, clause: ClauseId) -> Flow {
    step.applies(clause);
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

/// A positioned call on a stream that is no pipe: the runtime may know what stands behind it, or not.
pub(super) fn positioned_stream(step: &mut Step<'_>, stream: Stream, clause: ClauseId) -> Flow {
    step.applies(clause);
    step.wrong_type();
    step.succeeds()?;
    moved(step, stream);
    Err(Stop::Unjudged)
}

/// A positioned call on what has no positions: a pipe, a socket. The second clause is for a call that moves no byte, where a host may not look for errors.
pub(super) fn positioned_pipe(step: &mut Step<'_>, pipe: ClauseId, nothing: ClauseId) -> Flow {
    if room(step) > 0 {
        return never(step, pipe);
    }
    step.applies(nothing);
    step.wrong_type();
    step.succeeds()?;
    let moved = count(step, 0);
    step.compare(nothing, "bytes", 0, moved);
    make_count(step, 0);
    Ok(())
}

/// A runtime moved in the file behind a stream, or gave it another size: what is read next or written where is not known any more.
pub(super) fn moved(step: &mut Step<'_>, stream: Stream) {
    match step.state.output_of(stream) {
        Some(output) => output.known = false,
        None => step.state.input.read = None,
    }
}

/// Where a descriptor stands.
pub(super) fn offset(step: &Step<'_>, fd: u32) -> Flow<u64> {
    match step.entry(fd).map(|entry| entry.offset) {
        Some(Offset::At(at)) => Ok(at),
        Some(Offset::Unknown) | None => Err(Stop::Unjudged),
    }
}

/// What the number and lengths of buffers alone say.
pub(super) fn buffer_clauses(step: &mut Step<'_>, none: ClauseId, many: ClauseId, nothing: ClauseId) {
    let count = step.arg(2);
    if count == 0 {
        step.applies(none);
    } else if count > crate::memory::MOST_BUFFERS {
        step.applies(many);
    }
    if room(step) == 0 {
        step.cite(nothing);
    }
}

/// The lengths of a call's buffers, as many as a trace keeps.
pub(super) fn lengths<'a>(step: &Step<'a>) -> impl ExactSizeIterator<Item = u32> + use<'a> {
    static NONE: Capture = Capture { len: 0, bytes: None };
    let call = step.call;
    buffers(call.inputs.first().unwrap_or(&NONE)).map(|(_, len)| len)
}

/// How many bytes a call has room for. Of more buffers than a trace keeps nobody knows the sum.
pub(super) fn room(step: &Step<'_>) -> u64 {
    let kept_all = step.arg(2) <= lengths(step).len() as u64 || matches!(step.mode, Mode::Prefer(_));
    let sum = lengths(step).map(u64::from).sum();
    if kept_all { sum } else { u64::from(u32::MAX).max(sum) }
}

/// How many bytes the call says it read or wrote; where it is being made, all that it can. Where its results overlap, the count may
/// hold something else: then what cannot be one is none.
pub(super) fn count(step: &Step<'_>, all: u64) -> u64 {
    let Mode::Check(Seen::Success(outputs)) = &step.mode else { return all };
    let said = outputs.first().map(|capture| number_at(capture.kept(), 0, 4));
    said.filter(|said| !step.loose || *said <= all).unwrap_or(all)
}

/// How many bytes the call says it read or wrote, where it is being made.
pub(super) fn make_count(step: &mut Step<'_>, count: u64) {
    step.make(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes().to_vec());
}

/// The buffers of a read that is being made.
pub(super) fn make_buffers(step: &mut Step<'_>, data: impl FnOnce(&Step<'_>) -> Vec<u8>) {
    if !matches!(step.mode, Mode::Prefer(_)) {
        return;
    }
    let data = data(step);
    let mut rest = data.as_slice();
    for len in lengths(step) {
        let (now, later) = rest.split_at(rest.len().min(len as usize));
        step.make(now.to_vec());
        rest = later;
    }
}

/// The bytes of all buffers of a read, one after the other, as far as the trace kept them. `first` is the place of the first buffer
/// among the outputs.
pub(super) fn joined(step: &Step<'_>, first: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut index = first;
    while let Some(capture) = step.seen(index) {
        out.extend_from_slice(capture.kept());
        if capture.kept().len() < capture.len as usize {
            break;
        }
        index += 1;
    }
    (index > first).then_some(out)
}

/// The bytes that a write took of its buffers, `count` of them, as far as the trace kept them; and whether these are all.
pub(super) fn taken(step: &Step<'_>, count: u64) -> (Vec<u8>, bool) {
    let (mut out, mut known, mut left) = (Vec::new(), true, count);
    for capture in step.call.inputs.iter().skip(1) {
        let part = u64::from(capture.len).min(left);
        let kept = (capture.kept().len() as u64).min(part);
        out.extend_from_slice(&capture.kept()[..usize::try_from(kept).unwrap_or_default()]);
        known &= kept == part;
        left -= part;
    }
    (out, known && left == 0)
}

/// Bytes in words, short enough for two of them to stand in a message.
pub(crate) fn text(bytes: &[u8]) -> String {
    touchstone_model::value::in_short(bytes, bytes.len(), 80)
}
