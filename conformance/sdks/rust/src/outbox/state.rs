//! What an outbox knows, which follows from its journal.

use super::frame::{Frame, Kind};
use super::journal::Journal;
use super::{DeadLetter, Submission};
use crate::error::Error;
use crate::json::{Document, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};

/// The journal, and what follows from its entries.
pub(super) struct State {
    pub journal: Journal,
    pub known: Known,
}

impl State {
    /// Makes an entry durable, then true. Without an id it gets the next one.
    pub fn record(&mut self, kind: Kind, id: Option<u64>, payload: String) -> Result<u64, Error> {
        let id = id.unwrap_or(self.known.next);
        let frame = Frame { kind, id, payload };
        self.journal.append(&frame)?;
        self.known.take(&frame)?;
        Ok(id)
    }
}

/// What waits, what was refused, and which sources are not queued to their end.
#[derive(Default)]
pub(super) struct Known {
    next: u64,
    pub pending: BTreeMap<u64, Submission>,
    pub letters: BTreeMap<u64, DeadLetter>,
    pub sources: BTreeSet<String>,
}

impl Known {
    /// What follows from these entries.
    pub fn of(frames: &[Frame]) -> Result<Self, Error> {
        let mut known = Self { next: 1, ..Self::default() };
        frames.iter().try_for_each(|frame| known.take(frame))?;
        Ok(known)
    }

    /// Brings the state up to an entry.
    fn take(&mut self, frame: &Frame) -> Result<(), Error> {
        let id = frame.id;
        let unreadable = || Error::unusable(format!("the journal's entry {id} is not of this version"));
        let entry = Entry(&frame.payload);
        match frame.kind {
            Kind::Queued => {
                let [tenant, body] = entry.texts(["tenant", "body"]).ok_or_else(unreadable)?;
                self.pending.insert(id, Submission { id, tenant, body });
            }
            Kind::Acknowledged => drop(self.pending.remove(&id)),
            Kind::Dead => {
                let (status, answer) = entry.answer().ok_or_else(unreadable)?;
                if let Some(submission) = self.pending.remove(&id) {
                    self.letters.insert(id, DeadLetter { submission, status, answer });
                }
            }
            Kind::Begun => drop(self.sources.insert(entry.name().ok_or_else(unreadable)?)),
            Kind::Ended => drop(self.sources.remove(&entry.name().ok_or_else(unreadable)?)),
            Kind::Next => {}
        }
        self.next = self.next.max(if frame.kind == Kind::Next { id } else { id.saturating_add(1) });
        Ok(())
    }
}

/// The payload of an entry.
struct Entry<'a>(&'a str);

impl Entry<'_> {
    fn read<T>(&self, read: impl FnOnce(Value<'_>) -> Option<T>) -> Option<T> {
        Document::read(self.0.as_bytes()).ok().and_then(|document| read(document.root()))
    }

    fn texts(&self, names: [&str; 2]) -> Option<[String; 2]> {
        self.read(|value| {
            let [first, second] = names.map(|name| Some(value.get(name)?.text()?.to_owned()));
            Some([first?, second?])
        })
    }

    fn answer(&self) -> Option<(u16, Vec<u8>)> {
        self.read(|value| Some((value.get("status")?.integer()?, STANDARD.decode(value.get("body")?.text()?).ok()?)))
    }

    fn name(&self) -> Option<String> {
        self.read(|value| value.text().map(str::to_owned))
    }
}
