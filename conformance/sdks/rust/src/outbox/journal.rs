//! The journal on disk: read, repaired, appended to.

use super::frame::{Frame, Kind, crc32c, scan};
use crate::error::Error;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A range of a file that holds no sound entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where the range begins.
    pub offset: usize,
    /// How many bytes it has.
    pub length: usize,
}

const NAME: &str = "outbox.journal";
const COPY: &str = "outbox.damaged-";

/// The open file. After a write that failed it takes no more: what the kernel then holds is unknown.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    has_failed: bool,
}

impl Journal {
    /// Reads the journal of a directory, repairs it if it must, and opens it for appending. What is damaged stays beside it as a
    /// copy, and is told each time until somebody removes the copy (OUT-7).
    pub fn open(directory: &Path) -> Result<(Self, Vec<Frame>, Vec<Damage>), Error> {
        let path = directory.join(NAME);
        let raw = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let found = scan(&raw)?;
        if !found.damage.is_empty() {
            // Named after its content, so that a crash between copy and repair leads to one copy.
            write_durably(&directory.join(format!("{COPY}{:08x}", crc32c(&[&raw]))), &raw)?;
            synchronise(directory)?;
        }
        let needed = live(&found.frames);
        if found.end < raw.len() || !found.damage.is_empty() || needed.len() != found.frames.len() {
            let written: Result<Vec<_>, _> = needed.iter().map(Frame::write).collect();
            let replacement = path.with_extension("new");
            write_durably(&replacement, &written?.concat())?;
            fs::rename(&replacement, &path)?; // a crash leaves the old one or the new one
            synchronise(directory)?;
        }
        let file = private().append(true).open(&path)?;
        Ok((Self { file, has_failed: false }, needed, damage_of_copies(directory)?))
    }

    /// Makes an entry durable.
    pub fn append(&mut self, frame: &Frame) -> Result<(), Error> {
        let raw = frame.write()?;
        if self.has_failed {
            return Err(Error::unusable("the outbox could not be written; open it anew"));
        }
        self.has_failed = true;
        self.file.write_all(&raw)?;
        self.file.sync_data()?;
        self.has_failed = false;
        Ok(())
    }
}

/// What need be remembered: not submissions that were acknowledged, nor sources that were queued to their end.
fn live(frames: &[Frame]) -> Vec<Frame> {
    let (mut acknowledged, mut unfinished, mut next) = (HashSet::new(), HashMap::new(), 1);
    for Frame { kind, id, payload } in frames {
        match kind {
            Kind::Acknowledged => drop(acknowledged.insert(*id)),
            Kind::Begun => drop(unfinished.insert(payload, *id)),
            Kind::Ended => drop(unfinished.remove(payload)),
            Kind::Queued | Kind::Dead | Kind::Next => {}
        }
        next = next.max(if *kind == Kind::Next { *id } else { id.saturating_add(1) });
    }
    let is_needed = |frame: &&Frame| match frame.kind {
        Kind::Queued => !acknowledged.contains(&frame.id),
        Kind::Begun => unfinished.get(&frame.payload) == Some(&frame.id),
        Kind::Dead => true,
        Kind::Acknowledged | Kind::Ended | Kind::Next => false,
    };
    let first = Frame { kind: Kind::Next, id: next, payload: String::new() };
    std::iter::once(first).chain(frames.iter().filter(is_needed).cloned()).collect()
}

fn damage_of_copies(directory: &Path) -> Result<Vec<Damage>, Error> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(COPY) {
            copies.push(entry.path());
        }
    }
    copies.sort();
    let mut all = Vec::new();
    for file in copies {
        let damage = scan(&fs::read(&file)?)?.damage;
        all.extend(damage.into_iter().map(|(offset, length)| Damage { file: file.clone(), offset, length }));
    }
    Ok(all)
}

fn write_durably(path: &Path, raw: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create(true).truncate(true).open(path)?;
    file.write_all(raw)?;
    file.sync_all()
}

/// Options of a file that is nobody else's to read: records are the tenant's.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a directory's entries durable, where directories can be synchronised.
pub(super) fn synchronise(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
