//! Names of fields.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The name of a field, borrowed from the text; `None` for what is no name.
pub(super) struct Key<'a>(pub(super) Option<&'a str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Some(name)))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_char<E: de::Error>(self, _: char) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_none<E: de::Error>(self) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Key(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Key<'de>, E> {
        Ok(Key(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Key<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Key(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Key(None))
    }
}
