//! Figures that were taken in turns, and what they come to.

/// The same thing measured several times.
#[derive(Clone, Debug, Default)]
pub struct Figure(Vec<f64>);

impl Figure {
    /// One more measurement.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; NaN when there is none.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The smallest and the largest; NaN when there is none.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64| self.0.iter().copied().reduce(pick).unwrap_or(f64::NAN);
        (fold(f64::min), fold(f64::max))
    }

    /// This one through another, round by round, so that what slowed both down cancels out.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Figure;

    fn figure(values: &[f64]) -> Figure {
        let mut figure = Figure::default();
        values.iter().for_each(|value| figure.add(*value));
        figure
    }

    #[test]
    fn the_median_is_the_middle_one() {
        for (values, median) in [(&[3.0, 1.0, 2.0][..], 2.0), (&[1.0][..], 1.0), (&[4.0, 1.0][..], 4.0)] {
            assert!((figure(values).median() - median).abs() < 1e-9, "{values:?}");
        }
        assert!(figure(&[]).median().is_nan());
        assert!((figure(&[2.0, 5.0, 3.0]).range().1 - 5.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratio = figure(&[10.0, 20.0, 90.0]).over(&figure(&[20.0, 40.0, 100.0]));
        assert!((ratio.median() - 0.5).abs() < 1e-9);
    }
}
