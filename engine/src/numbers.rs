//! Floats in JSON and SQLite that survive when they are not finite.
//!
//! JSON has no NaN (serde_json writes `null` and cannot read it back) and SQLite turns NaN into NULL, so those that are not finite are
//! written as the strings `NaN`, `inf` and `-inf`. Use as `#[serde(with = "crate::numbers")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Anything made of floats that goes through [`Float`].
pub trait Floats: Sized {
    type Mirror: Serialize + for<'de> Deserialize<'de>;
    fn mirror(&self) -> Self::Mirror;
    fn back(mirror: Self::Mirror) -> Self;
}

pub fn serialize<T: Floats, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.mirror().serialize(serializer)
}

pub fn deserialize<'de, T: Floats, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Mirror::deserialize(deserializer).map(T::back)
}

/// A float that serialises as a number when finite, as a string otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Float(pub f64);

/// `NaN`, `inf` or `-inf`.
pub(crate) fn name(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.serialize_str(name(self.0)) }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Float, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Float;

            fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
                out.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Float, E> {
                Ok(Float(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Float, E> {
                Ok(Float(value as f64))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Float, E> {
                Ok(Float(value as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Float, E> {
                match text {
                    "NaN" => Ok(Float(f64::NAN)),
                    "inf" => Ok(Float(f64::INFINITY)),
                    "-inf" => Ok(Float(f64::NEG_INFINITY)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Floats for f64 {
    type Mirror = Float;

    fn mirror(&self) -> Float {
        Float(*self)
    }

    fn back(mirror: Float) -> f64 {
        mirror.0
    }
}

impl Floats for std::collections::BTreeMap<String, f64> {
    type Mirror = std::collections::BTreeMap<String, Float>;

    fn mirror(&self) -> Self::Mirror {
        self.iter().map(|(key, value)| (key.clone(), Float(*value))).collect()
    }

    fn back(mirror: Self::Mirror) -> Self {
        mirror.into_iter().map(|(key, value)| (key, value.0)).collect()
    }
}

impl Floats for Vec<f64> {
    type Mirror = Vec<Float>;

    fn mirror(&self) -> Vec<Float> {
        self.iter().copied().map(Float).collect()
    }

    fn back(mirror: Vec<Float>) -> Self {
        mirror.into_iter().map(|value| value.0).collect()
    }
}

impl Floats for Vec<(String, f64)> {
    type Mirror = Vec<(String, Float)>;

    fn mirror(&self) -> Self::Mirror {
        self.iter().map(|(key, value)| (key.clone(), Float(*value))).collect()
    }

    fn back(mirror: Self::Mirror) -> Self {
        mirror.into_iter().map(|(key, value)| (key, value.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Float;

    #[test]
    fn non_finite_floats_survive_json() {
        let text = serde_json::to_string(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 3.0].map(Float)).unwrap();
        insta::assert_snapshot!(text, @r#"["NaN","inf","-inf",-0.1,3.0]"#);
        let back: Vec<Float> = serde_json::from_str(&text).unwrap();
        assert!(back[0].0.is_nan());
        assert_eq!(back[1..].iter().map(|f| f.0).collect::<Vec<_>>(), [f64::INFINITY, f64::NEG_INFINITY, -0.1, 3.0]);
        assert!(serde_json::from_str::<Float>("\"nan?\"").is_err());
    }
}
