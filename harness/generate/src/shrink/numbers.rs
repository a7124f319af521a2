//! Smaller numbers.

/// Numbers to try in place of one: the simplest first, then towards it in ever smaller steps, so that a boundary is found by halving.
pub(super) fn smaller(value: i128) -> Vec<i128> {
    let mut out = vec![0, 1];
    if value < 0 {
        out.extend([-1, -value]);
    }
    // the same bits, as a negative number
    out.extend([32, 64].into_iter().filter(|bits| value >= 1 << (bits - 1) && value < 1 << bits).map(|bits| value - (1 << bits)));
    let mut step = value / 2;
    while step != 0 {
        out.push(value - step);
        step /= 2;
    }
    out.push(value);
    out
}
