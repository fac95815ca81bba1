//! JSON as RFC 8259 defines it and no more: UTF-8 alone, no lone surrogates, no repeated keys. Numbers keep their text, so that
//! 42 and 42.0 stay apart.
//!
//! A document is one flat list of nodes, read and dropped without recursion, so nesting has no limit but the text's length.

mod from;
mod parser;
mod write;

use std::borrow::Cow;
use std::{error, fmt, str};

pub use from::{Bytes, FromJson};
pub use write::{ToJson, object};

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not JSON in UTF-8.
    Malformed {
        /// The byte at which that shows.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// It is well-formed, and an object names a key twice.
    RepeatedKey(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { at, what } => write!(to, "at byte {at}: {what}"),
            Self::RepeatedKey(key) => write!(to, "the key {key:?} occurs more than once"),
        }
    }
}

impl error::Error for Fault {}

/// A node and, for lists and objects, how many nodes it spans, itself included. An object's members are key and value in turn.
#[derive(Debug)]
enum Node<'t> {
    Null,
    Bool(bool),
    Number(&'t str),
    Text(Cow<'t, str>),
    List(usize),
    Object(usize),
}

/// A text that was read.
#[derive(Debug)]
pub struct Document<'t>(Vec<Node<'t>>);

impl<'t> Document<'t> {
    /// Reads exactly one value with nothing but white space around it. A repeated key is told only if nothing worse is wrong.
    ///
    /// # Errors
    /// Says where the text is no JSON, or which key is repeated.
    pub fn read(text: &'t [u8]) -> Result<Self, Fault> {
        let text =
            str::from_utf8(text).map_err(|error| Fault::Malformed { at: error.valid_up_to(), what: "the text is not UTF-8" })?;
        parser::read(text).map(Self)
    }

    /// The value.
    pub fn root(&self) -> Value<'_> {
        Value(&self.0)
    }
}

/// A value within a document.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d>(&'d [Node<'d>]);

impl<'d> Value<'d> {
    /// The number's text.
    pub fn number(self) -> Option<&'d str> {
        if let Node::Number(text) = self.0.first()? { Some(text) } else { None }
    }

    /// The number as a double, if it is finite as one.
    pub fn real(self) -> Option<f64> {
        self.number()?.parse().ok().filter(|x: &f64| x.is_finite())
    }

    /// The number as an integer, if it is written as one, without fraction or exponent, and not too large.
    pub fn integer<T: str::FromStr>(self) -> Option<T> {
        self.number().map(|text| if text == "-0" { "0" } else { text })?.parse().ok()
    }

    /// The text's characters, escapes resolved.
    pub fn text(self) -> Option<&'d str> {
        if let Node::Text(text) = self.0.first()? { Some(text) } else { None }
    }

    /// True or false.
    pub fn truth(self) -> Option<bool> {
        if let Node::Bool(truth) = self.0.first()? { Some(*truth) } else { None }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        matches!(self.0.first(), Some(Node::Null))
    }

    /// The items of a list.
    pub fn items(self) -> Option<Children<'d>> {
        if let Node::List(span) = self.0.first()? { Some(Children(self.0.get(1..*span)?)) } else { None }
    }

    /// The members of an object, in their order.
    pub fn members(self) -> Option<impl Iterator<Item = (&'d str, Value<'d>)>> {
        let Node::Object(span) = self.0.first()? else { return None };
        let mut children = Children(self.0.get(1..*span)?);
        Some(std::iter::from_fn(move || Some((children.next()?.text()?, children.next()?))))
    }

    /// The member of that key.
    pub fn get(self, key: &str) -> Option<Value<'d>> {
        self.members()?.find_map(|(name, value)| (name == key).then_some(value))
    }
}

/// Values that follow one another.
#[derive(Clone, Debug)]
pub struct Children<'d>(&'d [Node<'d>]);

impl<'d> Iterator for Children<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        let span = match self.0.first()? {
            Node::List(span) | Node::Object(span) => *span,
            _ => 1,
        };
        let (value, rest) = self.0.split_at_checked(span)?;
        self.0 = rest;
        Some(Value(value))
    }
}
