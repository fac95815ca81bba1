//! Reads without recursion: what is open is on a list.

use super::{Fault, Node};
use std::borrow::Cow;
use std::collections::HashSet;

/// The nodes of the one value that a text holds.
pub(super) fn read(text: &str) -> Result<Vec<Node<'_>>, Fault> {
    let mut parser = Parser { text, at: 0, nodes: Vec::new(), open: Vec::new(), repeated: None };
    while !parser.value()? || parser.goes_on()? {}
    parser.repeated.map_or(Ok(parser.nodes), |key| Err(Fault::RepeatedKey(key)))
}

/// A list or an object whose end is still to come, and the keys that an object has so far.
struct Open<'t> {
    node: usize,
    keys: Option<HashSet<Cow<'t, str>>>,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nodes: Vec<Node<'t>>,
    open: Vec<Open<'t>>,
    repeated: Option<String>,
}

impl<'t> Parser<'t> {
    /// Reads a value, or of a list or an object what comes before the first value in it. Whether the value is complete.
    fn value(&mut self) -> Result<bool, Fault> {
        self.space();
        let node = match self.next() {
            Some(b'{') => return self.opened(Node::Object(1), Some(HashSet::new())),
            Some(b'[') => return self.opened(Node::List(1), None),
            Some(b'"') => Node::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Node::Number(self.number()?),
            _ if self.word("true") => Node::Bool(true),
            _ if self.word("false") => Node::Bool(false),
            _ if self.word("null") => Node::Null,
            _ => return self.fault("no value begins here"),
        };
        self.nodes.push(node);
        Ok(true)
    }

    fn opened(&mut self, node: Node<'t>, keys: Option<HashSet<Cow<'t, str>>>) -> Result<bool, Fault> {
        self.open.push(Open { node: self.nodes.len(), keys });
        self.nodes.push(node);
        self.at += 1;
        self.space();
        let is_empty = self.ends();
        if !is_empty {
            self.key()?;
        }
        Ok(is_empty)
    }

    /// After a complete value: whether another one follows, or the text ends.
    fn goes_on(&mut self) -> Result<bool, Fault> {
        loop {
            self.space();
            if self.open.is_empty() {
                return if self.at == self.text.len() { Ok(false) } else { self.fault("something follows the value") };
            }
            if self.take(b',') {
                self.space();
                self.key()?;
                return Ok(true);
            }
            if !self.ends() {
                return self.fault("a comma or the end is missing");
            }
        }
    }

    /// Whether the innermost list or object ends here.
    fn ends(&mut self) -> bool {
        let Some(&Open { node, ref keys }) = self.open.last() else { return false };
        if !self.take(if keys.is_some() { b'}' } else { b']' }) {
            return false;
        }
        self.open.pop();
        let whole = self.nodes.len() - node;
        if let Some(Node::List(span) | Node::Object(span)) = self.nodes.get_mut(node) {
            *span = whole;
        }
        true
    }

    /// Reads a key and its colon, if it is an object that is open.
    fn key(&mut self) -> Result<(), Fault> {
        if self.open.last().is_none_or(|open| open.keys.is_none()) {
            return Ok(());
        }
        if self.next() != Some(b'"') {
            return self.fault("a key is a text");
        }
        let key = self.string()?;
        let keys = self.open.last_mut().and_then(|open| open.keys.as_mut());
        if keys.is_some_and(|keys| !keys.insert(key.clone())) && self.repeated.is_none() {
            self.repeated = Some(key.clone().into_owned());
        }
        self.nodes.push(Node::Text(key));
        self.space();
        if self.take(b':') { Ok(()) } else { self.fault("a colon follows a key") }
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Fault> {
        self.at += 1;
        let mut resolved = String::new();
        loop {
            let start = self.at;
            while self.next().is_some_and(|c| c != b'"' && c != b'\\' && c >= 0x20) {
                self.at += 1;
            }
            let plain = self.text.get(start..self.at).unwrap_or_default();
            match self.next() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(if resolved.is_empty() { Cow::Borrowed(plain) } else { Cow::Owned(resolved + plain) });
                }
                Some(b'\\') => {
                    self.at += 1;
                    resolved.push_str(plain);
                    resolved.push(self.escaped()?);
                }
                Some(_) => return self.fault("a control character is not escaped"),
                None => return self.fault("a text does not end"),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        let letter = self.next();
        self.at += 1;
        Ok(match letter {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.unit()?;
                let half = matches!(unit, 0xd800..=0xdbff) && self.take(b'\\') && self.take(b'u');
                let units = if half { vec![unit, self.unit()?] } else { vec![unit] };
                match char::decode_utf16(units).next() {
                    Some(Ok(c)) => c,
                    _ => return self.fault("a surrogate stands alone"),
                }
            }
            _ => return self.fault("there is no such escape"),
        })
    }

    /// Reads the four hexadecimal digits of an escape.
    fn unit(&mut self) -> Result<u16, Fault> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.fault("an escape has four digits"),
        }
    }

    fn number(&mut self) -> Result<&'t str, Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.fault("a digit is missing") }
    }

    fn word(&mut self, word: &str) -> bool {
        let is_next = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, c: u8) -> bool {
        let is_next = self.next() == Some(c);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    fn space(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault::Malformed { at: self.at, what })
    }
}
