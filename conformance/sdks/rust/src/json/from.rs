use super::Value;
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// The value is not of that form.
    fn from_json(value: Value<'_>) -> Result<Self, Error>;
}

impl<'d> Value<'d> {
    /// Reads the member of that key.
    ///
    /// # Errors
    /// There is none, or it is not of that form.
    pub fn read<T: FromJson>(self, key: &str) -> Result<T, Error> {
        T::from_json(self.get(key).ok_or_else(|| Error::unusable(format!("there is no {key}")))?)
    }

    /// Reads the member of that key, unless it is left out or null.
    ///
    /// # Errors
    /// It is there, and not of that form.
    pub fn read_if_any<T: FromJson>(self, key: &str) -> Result<Option<T>, Error> {
        self.get(key).filter(|value| !value.is_null()).map(T::from_json).transpose()
    }
}

fn found<T>(value: Option<T>, form: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::unusable(format!("a value is not {form}")))
}

impl FromJson for bool {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        found(value.truth(), "true or false")
    }
}

impl FromJson for f64 {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        found(value.real(), "a finite number")
    }
}

macro_rules! integers {
    ($($kind:ty)*) => {$(
        impl FromJson for $kind {
            fn from_json(value: Value<'_>) -> Result<Self, Error> {
                found(value.integer(), "an integer of its range")
            }
        }
    )*};
}
integers!(i64 u16 u32 u64 usize);

impl FromJson for String {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        found(value.text(), "a text").map(str::to_owned)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        found(value.items(), "a list")?.map(T::from_json).collect()
    }
}

/// JSON's keys are texts: they are read back as what they were.
impl<K: FromStr + Ord, V: FromJson> FromJson for BTreeMap<K, V> {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        let member =
            |(key, value): (&str, Value<'_>)| Ok((found(key.parse().ok(), "under a key of its form")?, V::from_json(value)?));
        found(value.members(), "an object")?.map(member).collect()
    }
}

/// Bytes, which JSON holds as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromJson for Bytes {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        found(value.text().and_then(|text| STANDARD.decode(text).ok()), "base64").map(Self)
    }
}
