//! How often lines are written to a log.

/// Seconds between two lines that say no more than that the work goes on, once it has gone on for `elapsed` seconds: at first every half minute, later every so
/// much of the time gone by. A night gives a hundred lines, a week a thousand; and services that end a job that has said nothing for ten minutes are served.
pub(super) fn interval(elapsed: f64) -> f64 {
    const LEAST: f64 = 30.0;
    const MOST: f64 = 540.0;
    (elapsed / 20.0).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_gives_a_thousand_lines() {
        let lines = |hours: f64| {
            let (mut elapsed, mut lines) = (0.0, 0);
            while elapsed < hours * 3600.0 {
                elapsed += interval(elapsed);
                lines += 1;
            }
            lines
        };
        assert_eq!([0.1, 1.0, 8.0, 168.0].map(lines), [12, 57, 113, 1180]);
    }
}
