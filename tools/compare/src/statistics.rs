//! Medians and ratios.

/// The middle of some numbers, and their extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// As many are below as above.
    pub median: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

impl Spread {
    /// That of some numbers; `None` where there are none or one is not a number.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&minimum, &maximum) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median = match sorted.get(middle.wrapping_sub(1)) {
            Some(lower) if sorted.len().is_multiple_of(2) => f64::midpoint(*lower, upper),
            _ => upper,
        };
        sorted.iter().all(|number| number.is_finite()).then_some(Self { median, minimum, maximum })
    }
}

/// What was measured of both sides in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Of Daybook.
    pub ours: f64,
    /// Of the rival.
    pub theirs: f64,
}

/// The ratio of each round: of what ran side by side, never of what did not.
#[must_use]
pub fn ratios(pairs: &[Pair]) -> Vec<f64> {
    pairs.iter().map(|pair| pair.ours / pair.theirs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        let spread = Spread::of(&[9.0, 1.0, 4.0]);
        assert_eq!(spread, Some(Spread { median: 4.0, minimum: 1.0, maximum: 9.0 }));
        let spread = Spread::of(&[2.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, minimum: 2.0, maximum: 2.0 }));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_ones() {
        let spread = Spread::of(&[4.0, 1.0, 9.0, 2.0]);
        assert_eq!(spread, Some(Spread { median: 3.0, minimum: 1.0, maximum: 9.0 }));
    }

    #[test]
    fn nothing_and_no_numbers_have_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
        assert_eq!(Spread::of(&[1.0, f64::INFINITY]), None);
    }

    #[test]
    fn ratios_are_those_of_rounds() {
        let pairs = [Pair { ours: 8.0, theirs: 2.0 }, Pair { ours: 1.0, theirs: 2.0 }];
        assert_eq!(ratios(&pairs), [4.0, 0.5]);
        // Not the ratio of the sums, which is 2.25.
        assert_eq!(Spread::of(&ratios(&pairs)).map(|spread| spread.median), Some(2.25));
        assert_eq!(Spread::of(&ratios(&[Pair { ours: 1.0, theirs: 0.0 }])), None);
    }
}
