//! How numbers read: the same in charts, page and terminal.

use search_spaces::{goals::Measure, settings::Metric};

use crate::intervals::Share;

/// Of the objective's metric: three decimals for scores, four for a loss and for what nobody here knows.
pub fn metric(metric: Metric, value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    format!("{value:.*}", decimals(metric))
}

/// Of anything that goals measure.
pub fn measure(of: Measure, value: f64) -> String {
    if !value.is_finite() {
        return "not known".to_owned();
    }
    match of {
        Measure::TrainableParameters => count(value.round() as u64),
        Measure::CheckpointBytes => bytes(value),
        Measure::SecondsPerEpoch => format!("{} s", significant(value, 3)),
        Measure::GroupGap => format!("{value:.3}"),
        of => of.metric().map_or_else(|| number(value), |of| metric(of, value)),
    }
}

/// `843 bytes`, `1.2 MB`.
fn bytes(value: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(size, _)| value >= *size);
    unit.map_or_else(|| format!("{value:.0} bytes"), |(size, unit)| format!("{:.1} {unit}", value / size))
}

fn decimals(metric: Metric) -> usize {
    if matches!(metric, Metric::Loss | Metric::Custom(_)) { 4 } else { 3 }
}

/// `value - than` as `+3.8 points` (of 100) where the metric is a share, else `+0.041`. Taken from the rounded values, so that it is
/// the difference of what the reader sees.
pub fn difference(of: Metric, value: f64, than: f64) -> String {
    if !value.is_finite() || !than.is_finite() {
        return "not a number".to_owned();
    }
    let digits = decimals(of);
    let unit = 10f64.powi(digits as i32);
    let steps = (value * unit).round() - (than * unit).round();
    // Never "-0.0".
    let steps = if steps == 0.0 { 0.0 } else { steps };
    match of {
        Metric::Accuracy | Metric::MacroF1 => format!("{:+.1} points", steps / unit * 100.0),
        Metric::Matthews | Metric::Loss | Metric::Custom(_) => format!("{:+.digits$}", steps / unit),
    }
}

/// `+0.1 to +4.5 points`: an interval of differences.
pub fn differences(of: Metric, low: f64, high: f64) -> String {
    format!("{} to {}", difference(of, low, 0.0).trim_end_matches(" points"), difference(of, high, 0.0))
}

/// How far apart two values are, as [`difference`] has it but without a sign.
pub fn apart(of: Metric, a: f64, b: f64) -> String {
    difference(of, a, b).trim_start_matches(['+', '-']).to_owned()
}

/// Any value of a parameter: `0.0001` as `1e-4`, `0.1`, `16`; four significant digits at most.
pub fn number(value: f64) -> String {
    significant(value, 4)
}

/// At most this many significant digits, and no digit of an integer below a million lost.
pub fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor() as i32;
    if (-3..6).contains(&magnitude) {
        let decimals = (digits - 1 - magnitude).clamp(0, 9) as usize;
        trimmed(&format!("{value:.decimals$}"))
    } else {
        let text = format!("{value:.*e}", (digits - 1).clamp(0, 2) as usize);
        match text.split_once('e') {
            Some((mantissa, exponent)) => format!("{}e{exponent}", trimmed(mantissa)),
            None => text,
        }
    }
}

fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// `22,713,216`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 trial`, `1,000 trials`.
pub fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// `trial 3`, `trials 3 and 5`, `trials 1, 2 and 3`.
pub fn list(numbers: &[u32], noun: &str) -> String {
    match numbers {
        [] => format!("no {noun}"),
        [one] => format!("{noun} {one}"),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            format!("{noun}s {} and {last}", others.join(", "))
        }
    }
}

/// `47 s`, `6 min 12 s`, `3 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// `0.931 (0.905 to 0.951)`: with its 95 % interval; `None` of nothing.
pub fn share(share: Share) -> Option<String> {
    let (value, (low, high)) = share.value().zip(share.interval())?;
    Some(format!("{value:.3} ({low:.3} to {high:.3})"))
}

/// `64 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `2026-11-23 05:19 UTC`, by the civil calendar (Howard Hinnant's `civil_from_days`).
pub fn date(millis: i64) -> String {
    let minutes = millis.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let shown: Vec<String> = [0.0, 1e-4, 2.345_67e-5, 0.001, 0.1, 0.123_456, 16.0, 1234.0, 123_456.0, 1e7, -0.5].map(number).into();
        insta::assert_snapshot!(shown.join(" "), @"0 1e-4 2.35e-5 0.001 0.1 0.1235 16 1234 123456 1e7 -0.5");
    }

    #[test]
    fn a_difference_is_that_of_the_rounded_values() {
        assert_eq!(difference(Metric::Accuracy, 0.912_4, 0.873_6), "+3.8 points");
        assert_eq!(difference(Metric::Accuracy, 0.9, 0.900_01), "+0.0 points");
        assert_eq!(difference(Metric::Loss, 0.3, 0.412_36), "-0.1124");
        assert_eq!(difference(Metric::Accuracy, f64::NAN, 0.9), "not a number");
    }

    #[test]
    fn measures_have_their_units() {
        let shown = [
            measure(Measure::TrainableParameters, 1_234_567.0),
            measure(Measure::CheckpointBytes, 90_870_000.0),
            measure(Measure::CheckpointBytes, 512.0),
            measure(Measure::SecondsPerEpoch, 12.345),
            measure(Measure::GroupGap, 0.0312),
            measure(Measure::Loss, 0.25),
            measure(Measure::GroupGap, f64::NAN),
        ];
        insta::assert_snapshot!(shown.join("; "), @"1,234,567; 90.9 MB; 512 bytes; 12.3 s; 0.031; 0.2500; not known");
    }

    #[test]
    fn a_share_has_its_interval() {
        assert_eq!(share(Share::new(90, 100)).as_deref(), Some("0.900 (0.826 to 0.945)"));
        assert_eq!(share(Share::new(0, 0)), None);
    }

    #[test]
    fn durations_counts_and_dates() {
        assert_eq!([12.4, 372.0, 11_120.0].map(duration), ["12 s", "6 min 12 s", "3 h 05 min"]);
        assert_eq!([0, 999, 1000, 22_713_216].map(count), ["0", "999", "1,000", "22,713,216"]);
        assert_eq!(
            [0, 951_782_400_000, 1_795_411_140_000].map(date),
            ["1970-01-01 00:00 UTC", "2000-02-29 00:00 UTC", "2026-11-23 05:19 UTC"]
        );
    }
}
