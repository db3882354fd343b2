//! Names and indices of the classes.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// The classes in their order: numerically when every name is a number, else in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    index: BTreeMap<String, u32>,
}

impl Labels {
    /// From the labels of all rows, in any order and number.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Labels {
        let distinct: BTreeSet<&str> = labels.into_iter().collect();
        let numbers: Option<Vec<(f64, &str)>> = distinct.iter().map(|&name| Some((number(name)?, name))).collect();
        let names: Vec<String> = match numbers {
            Some(mut numbers) => {
                numbers.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
                numbers.into_iter().map(|(_, name)| name.to_owned()).collect()
            }
            None => distinct.into_iter().map(str::to_owned).collect(),
        };
        let index = names.iter().enumerate().map(|(index, name)| (name.clone(), index as u32)).collect();
        Labels { names, index }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn index(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }
}

fn number(name: &str) -> Option<f64> {
    name.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_numeric_order() {
        let labels = Labels::new(["10", "9", "-1", "2.5", "9"]);
        assert_eq!(labels.names(), ["-1", "2.5", "9", "10"]);
        assert_eq!(labels.index("10"), Some(3));
        assert_eq!(labels.index("1"), None);
    }

    #[test]
    fn one_name_that_is_no_number_puts_all_in_the_order_of_bytes() {
        assert_eq!(Labels::new(["10", "9", "b", "B", "ä"]).names(), ["10", "9", "B", "b", "ä"]);
        assert_eq!(Labels::new(["nan", "inf", "1"]).names(), ["1", "inf", "nan"]);
    }

    #[test]
    fn equal_numbers_written_differently_stay_apart_in_a_fixed_order() {
        assert_eq!(Labels::new(["1.0", "1", "01"]).names(), Labels::new(["01", "1.0", "1"]).names());
    }
}
