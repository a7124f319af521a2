//! From times to ratios.

/// What many measurements say together: the one in the middle, and between which half of them lie.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    pub median: f64,
    pub lower_quartile: f64,
    pub upper_quartile: f64,
}

impl Spread {
    /// Of these measurements, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let at = |part| quantile(&values, part);
        Some(Spread { median: at(0.5)?, lower_quartile: at(0.25)?, upper_quartile: at(0.75)? })
    }
}

/// The value below which this part of sorted values lies, between two of them where it must be.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// The ratios of what was measured side by side: in each round, what it took to what the base took.
pub fn ratios(times: &[f64], base: &[f64]) -> Option<Spread> {
    Spread::of(times.iter().zip(base).map(|(time, base)| time / base))
}

/// A number as a person reads it: two digits that count, and no more.
pub fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => grouped(value.round() as u64),
        value if value >= 9.95 => format!("{value:.0}"),
        value if value >= 0.095 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A whole number with a comma for each thousand.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_quartiles_of_few_and_many() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied()).map(|it| (it.lower_quartile, it.median, it.upper_quartile));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0]), Some((1.75, 2.5, 3.25)));
        assert_eq!(spread(&[5.0, 1.0, 2.0, 4.0, 3.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(spread(&[f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn a_ratio_is_that_of_a_round_and_not_of_medians() {
        // the machine was ten times slower in the second round, for both
        let ratio = ratios(&[200.0, 2_000.0, 210.0], &[100.0, 1_000.0, 100.0]).expect("three rounds");
        assert_eq!(ratio.median, 2.0);
        // a round that one of them has not come to counts for neither
        assert_eq!(ratios(&[300.0], &[100.0, 1.0]).map(|it| it.median), Some(3.0));
        assert_eq!(ratios(&[], &[100.0]), None);
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        let shown = [0.004, 0.5, 1.0, 9.94, 9.96, 99.4, 123.4, 1_234_567.0].map(short);
        assert_eq!(shown, ["0.00", "0.5", "1.0", "9.9", "10", "99", "123", "1,234,567"]);
    }
}
