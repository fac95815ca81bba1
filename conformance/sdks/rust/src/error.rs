//! What calls fail with.

use std::{error, fmt, io};

/// Says which requirement of the specification an input breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its id, such as `REC-5`.
    pub requirement: &'static str,
    /// The record's field at fault, `None` where no one field is; a sender may have called it anything (REC-3).
    pub field: Option<String>,
    /// A sentence for people.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(requirement: &'static str, detail: impl Into<String>) -> Self {
        Self { requirement, field: None, detail: detail.into() }
    }

    pub(crate) fn of(requirement: &'static str, field: &str, detail: impl Into<String>) -> Self {
        Self { requirement, field: Some(field.to_owned()), detail: detail.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.requirement, self.detail)
    }
}

impl error::Error for Refusal {}

/// All that can go wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks a requirement of the specification.
    Refused(Refusal),
    /// The input is of no use, and no requirement speaks of it.
    Unusable(String),
    /// The disk failed, or another process has the outbox open.
    Io(io::Error),
}

impl Error {
    pub(crate) fn unusable(what: impl Into<String>) -> Self {
        Self::Unusable(what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(to),
            Self::Unusable(what) => to.write_str(what),
            Self::Io(error) => error.fmt(to),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unusable(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
