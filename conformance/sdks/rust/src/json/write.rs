use std::collections::BTreeMap;
use std::fmt::Write;

/// What has a form in JSON.
pub trait ToJson {
    /// Appends that form.
    fn write_json(&self, to: &mut String);

    /// That form.
    fn to_json(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }
}

impl ToJson for bool {
    fn write_json(&self, to: &mut String) {
        to.push_str(if *self { "true" } else { "false" });
    }
}

/// The shortest text that reads back; NaN and the infinities, for which JSON has none, become null.
impl ToJson for f64 {
    fn write_json(&self, to: &mut String) {
        if self.is_finite() {
            let _ = write!(to, "{self:?}"); // a String takes everything
        } else {
            to.push_str("null");
        }
    }
}

macro_rules! integers {
    ($($kind:ty)*) => {$(
        impl ToJson for $kind {
            fn write_json(&self, to: &mut String) {
                let _ = write!(to, "{self}");
            }
        }
    )*};
}
integers!(i64 u16 u32 u64 usize);

/// As RFC 8785 section 3.2.2.2 asks: raw UTF-8 but for quote, backslash and control characters (C14N-5).
impl ToJson for str {
    fn write_json(&self, to: &mut String) {
        to.push('"');
        for c in self.chars() {
            match c {
                '"' | '\\' => to.extend(['\\', c]),
                '\u{8}' => to.push_str("\\b"),
                '\t' => to.push_str("\\t"),
                '\n' => to.push_str("\\n"),
                '\u{c}' => to.push_str("\\f"),
                '\r' => to.push_str("\\r"),
                '\0'..='\u{1f}' => {
                    let _ = write!(to, "\\u{:04x}", u32::from(c));
                }
                _ => to.push(c),
            }
        }
        to.push('"');
    }
}

impl ToJson for &str {
    fn write_json(&self, to: &mut String) {
        (**self).write_json(to);
    }
}

impl ToJson for String {
    fn write_json(&self, to: &mut String) {
        self.as_str().write_json(to);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write_json(&self, to: &mut String) {
        match self {
            Some(value) => value.write_json(to),
            None => to.push_str("null"),
        }
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write_json(&self, to: &mut String) {
        joined(to, "[", self, "]", |item, to| item.write_json(to));
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write_json(&self, to: &mut String) {
        self.as_slice().write_json(to);
    }
}

/// JSON's keys are texts: a number becomes one.
impl<K: std::fmt::Display, V: ToJson> ToJson for BTreeMap<K, V> {
    fn write_json(&self, to: &mut String) {
        joined(to, "{", self, "}", |(key, value), to| member(&key.to_string(), value, to));
    }
}

/// An object of these members.
pub fn object(members: &[(&str, &dyn ToJson)]) -> String {
    let mut text = String::new();
    joined(&mut text, "{", members, "}", |(name, value), to| member(name, *value, to));
    text
}

fn member(key: &str, value: &(impl ToJson + ?Sized), to: &mut String) {
    key.write_json(to);
    to.push(':');
    value.write_json(to);
}

fn joined<T>(to: &mut String, start: &str, items: impl IntoIterator<Item = T>, end: &str, write: impl Fn(T, &mut String)) {
    to.push_str(start);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            to.push(',');
        }
        write(item, to);
    }
    to.push_str(end);
}
