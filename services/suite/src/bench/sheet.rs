//! What was measured, a line each: the median of the rounds, then the lowest and the highest.

use super::load::Median;

/// Whether more is better.
#[derive(Clone, Copy)]
pub(super) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn said(self, value: f64, unit: &str) -> String {
        let (sign, aim, met) = match self {
            Self::AtLeast(aim) => ("≥", aim, value >= aim),
            Self::AtMost(aim) => ("≤", aim, value <= aim),
        };
        let space = if unit.is_empty() { "" } else { " " };
        let met = if met { "met" } else { "MISSED" };
        format!("aim {sign} {aim}{space}{unit}: {met}")
    }
}

/// A figure.
pub(super) fn row(what: &str, values: &[f64], unit: &str) {
    println!("{}", line(what, Median::of(values), unit, None));
}

/// A figure with an aim.
pub(super) fn limit(what: &str, values: &[f64], unit: &str, aim: Aim) {
    println!("{}", line(what, Median::of(values), unit, Some(aim)));
}

/// One figure by another, round by round, with an aim.
pub(super) fn ratio(what: &str, of: &[f64], to: &[f64], aim: Aim) {
    println!("{}", line(what, Median::ratio(of, to), "", Some(aim)));
}

fn line(what: &str, median: Median, unit: &str, aim: Option<Aim>) -> String {
    let Median { value, low, high } = median;
    let spread = format!("{low:>11.2} … {high:.2}");
    let aim = aim.map_or_else(String::new, |aim| aim.said(value, unit));
    format!("  {what:<56} {value:>11.2} {unit:<5} {spread:<26} {aim}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_that_was_missed_is_said_to_be_missed() {
        assert_eq!(Aim::AtMost(50.0).said(50.0, "ms"), "aim ≤ 50 ms: met");
        assert_eq!(Aim::AtMost(50.0).said(51.0, "ms"), "aim ≤ 50 ms: MISSED");
        assert_eq!(Aim::AtLeast(0.5).said(0.4, ""), "aim ≥ 0.5: MISSED");
    }
}
