//! Quantiles of measured durations.

use std::time::Duration;

/// A set of measurements.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
        self.0.sort_unstable();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, the shortest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// The value that `percent` of the samples do not exceed, in milliseconds.
    pub(crate) fn ms(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0.get(rank).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e3)
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(samples: I) -> Self {
        let mut samples: Vec<_> = samples.into_iter().collect();
        samples.sort_unstable();
        Self(samples)
    }
}
