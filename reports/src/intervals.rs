//! Shares of examples, and how sure they are.

use statrs::distribution::{ContinuousCDF, Normal};

/// `count` of `of` examples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub count: u64,
    pub of: u64,
}

impl Share {
    pub fn new(count: u64, of: u64) -> Share {
        Share { count, of }
    }

    /// `None` of no examples.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }

    /// The ends of its 95 % interval (Wilson 1927); `None` of no examples.
    pub fn interval(self) -> Option<(f64, f64)> {
        self.wilson(normal_quantile(0.05))
    }

    /// The ends of the interval that reaches `z` standard errors to both sides.
    pub fn wilson(self, z: f64) -> Option<(f64, f64)> {
        let (share, n) = (self.value()?, self.of as f64);
        let middle = share + z * z / (2.0 * n);
        let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + z * z / n;
        // At the ends rounding would leave a trace of what is 0 or 1.
        let low = if self.count == 0 { 0.0 } else { (middle - reach) / whole };
        let high = if self.count == self.of { 1.0 } else { (middle + reach) / whole };
        Some((low, high))
    }

    /// How much more it is than `other`, and the ends of the interval of that: Newcombe's hybrid of two score intervals (1998, method 10).
    pub fn above(self, other: Share, z: f64) -> Option<(f64, f64, f64)> {
        let (a, b) = (self.value()?, other.value()?);
        let ((a_low, a_high), (b_low, b_high)) = (self.wilson(z)?, other.wilson(z)?);
        let low = a - b - (a - a_low).hypot(b_high - b);
        let high = a - b + (a_high - a).hypot(b - b_low);
        Some((a - b, low, high))
    }
}

/// So many standard errors to both sides leave `outside` of a normal distribution outside.
pub fn normal_quantile(outside: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - outside / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: (f64, f64), expected: (f64, f64)) {
        let off = (found.0 - expected.0).abs().max((found.1 - expected.1).abs());
        assert!(off < 1e-9, "{found:?}, not {expected:?}");
    }

    // statsmodels 0.15.0: proportion_confint(count, nobs, method="wilson"); confint_proportions_2indep(a, m, b, n, method="newcomb", compare="diff")

    #[test]
    fn intervals_of_shares_are_those_of_statsmodels() {
        near(Share::new(81, 263).interval().unwrap(), (0.255_288_519_878_274_2, 0.366_209_576_982_800_04));
        near(Share::new(0, 20).interval().unwrap(), (0.0, 0.161_125_158_052_819_4));
        near(Share::new(29, 29).interval().unwrap(), (0.883_030_201_500_259_2, 1.0));
        assert_eq!(Share::new(0, 0).interval(), None);
        assert_eq!(Share::new(0, 20).interval().unwrap().0, 0.0);
        assert_eq!(Share::new(29, 29).interval().unwrap().1, 1.0);
    }

    #[test]
    fn intervals_of_differences_are_those_of_statsmodels_and_of_the_paper() {
        let z = normal_quantile(0.05);
        let ends = |a: Share, b: Share| a.above(b, z).map(|(_, low, high)| (low, high)).unwrap();
        // Newcombe 1998, table II, contrast (a).
        let (low, high) = ends(Share::new(56, 70), Share::new(48, 80));
        assert_eq!((format!("{low:.4}"), format!("{high:.4}")), ("0.0524".to_owned(), "0.3339".to_owned()));
        near((low, high), (0.052_431_472_402_364_98, 0.333_872_654_036_906_14));
        near(ends(Share::new(9, 10), Share::new(3, 10)), (0.170_522_723_934_502_9, 0.809_017_973_535_488));
        near(ends(Share::new(10, 10), Share::new(0, 20)), (0.679_086_037_141_914_5, 1.0));
        assert_eq!(Share::new(1, 2).above(Share::new(0, 0), z), None);
    }
}
