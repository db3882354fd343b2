//! The name of a metric that a program brings along itself.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const LONGEST: usize = 32;

/// Small letters, digits and `_`, a letter first, 32 at most. It lies inline, so that an objective is handed around like a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    length: u8,
    /// Zero after `length`.
    bytes: [u8; LONGEST],
}

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a metric's name is small letters, digits and `_`, a letter first, {LONGEST} at most: {name:?} is not")]
pub struct BadName {
    name: String,
}

impl MetricName {
    pub fn new(name: &str) -> Result<MetricName, BadName> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let fits = name.len() <= LONGEST && name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase());
        if !fits {
            return Err(BadName { name: name.to_owned() });
        }
        let mut bytes = [0; LONGEST];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Ok(MetricName { length: name.len() as u8, bytes })
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for MetricName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MetricName::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(32);
        for name in ["cohens_kappa", "f2", longest.as_str()] {
            assert_eq!(MetricName::new(name).map(|found| found.as_str().to_owned()).as_deref(), Ok(name));
        }
        let too_long = "a".repeat(33);
        for name in ["", "2f", "_f", "F1", "top-5", "précision", too_long.as_str()] {
            assert!(MetricName::new(name).is_err(), "{name}");
        }
        let name = MetricName::new("kappa").expect("a name");
        let json = serde_json::to_string(&name).expect("text");
        assert_eq!((json.as_str(), serde_json::from_str(&json).ok()), ("\"kappa\"", Some(name)));
    }
}
