//! The form of a journal. It is one file of frames, numbers least byte first:
//!
//! ```text
//! frame = length:u32 kind:u8 id:u64 crc32c:u32  payload  crc32c:u32
//! ```
//!
//! The length is the payload's. The first checksum covers what is before it, the second the same and the payload, but not the first:
//! a CRC of anything that is followed by its own CRC is one number, so it would tie no payload to its head. A frame that a crash cut
//! short, whose head is sound, differs from one whose length was damaged. A payload is JSON, which has no byte 0, and
//! each head has one, so nothing within a payload looks like a frame.

use crate::error::Error;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A submission was queued, which is the payload.
    Queued,
    /// It was acknowledged.
    Acknowledged,
    /// It was refused for good, by the answer that is the payload.
    Dead,
    /// Records of a source are queued from here on; its name is the payload.
    Begun,
    /// All records of a source were queued.
    Ended,
    /// The id is the next to be given: written when the journal is rewritten.
    Next,
}

const KINDS: [(Kind, u8); 6] = [
    (Kind::Queued, b'Q'),
    (Kind::Acknowledged, b'A'),
    (Kind::Dead, b'D'),
    (Kind::Begun, b'B'),
    (Kind::Ended, b'E'),
    (Kind::Next, b'N'),
];

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: Kind,
    pub id: u64,
    pub payload: String,
}

const SUM: usize = 4;
/// Bytes of a head, before its checksum.
const FIELDS: usize = 13;
const HEAD: usize = FIELDS + SUM;
const MAX_PAYLOAD: usize = 1 << 22;

impl Frame {
    /// The frame's bytes.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        let length = u32::try_from(self.payload.len()).ok().filter(|&length| length as usize <= MAX_PAYLOAD);
        let length = length.ok_or_else(|| Error::unusable(format!("{} bytes are too many to queue", self.payload.len())))?;
        let letter = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or(0, |(_, letter)| *letter);
        let mut raw = length.to_le_bytes().to_vec();
        raw.push(letter);
        raw.extend(self.id.to_le_bytes());
        let sums = [crc32c(&[&raw]), crc32c(&[&raw, self.payload.as_bytes()])].map(u32::to_le_bytes);
        Ok([&raw, sums[0].as_slice(), self.payload.as_bytes(), &sums[1]].concat())
    }
}

/// What bytes begin with.
enum Start {
    /// A sound frame of this size.
    Sound(Frame, usize),
    /// A frame that is cut short: the bytes may be all that was written of it.
    Cut,
    /// Neither.
    Damaged,
}

fn start(raw: &[u8]) -> Result<Start, Error> {
    let Some((head, rest)) = raw.split_at_checked(HEAD) else { return Ok(Start::Cut) };
    let (Some((length, _)), Some((&letter, id))) = (head.split_first_chunk(), head.get(4..13).and_then(<[u8]>::split_first)) else {
        return Ok(Start::Damaged);
    };
    let length = u32::from_le_bytes(*length) as usize;
    let (fields, sum) = head.split_at(FIELDS);
    if *sum != crc32c(&[fields]).to_le_bytes() || length > MAX_PAYLOAD {
        return Ok(Start::Damaged);
    }
    let size = HEAD + length + SUM;
    let (Some(payload), Some(sum)) = (rest.get(..length), raw.get(size - SUM..size)) else { return Ok(Start::Cut) };
    let is_whole = *sum == crc32c(&[fields, payload]).to_le_bytes();
    let (Ok(id), Ok(payload)) = (id.try_into().map(u64::from_le_bytes), str::from_utf8(payload)) else { return Ok(Start::Damaged) };
    if !is_whole {
        return Ok(Start::Damaged);
    }
    let later = || Error::unusable("the journal holds entries of a later version");
    let (kind, _) = *KINDS.iter().find(|(_, known)| *known == letter).ok_or_else(later)?;
    Ok(Start::Sound(Frame { kind, id, payload: payload.to_owned() }, size))
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// All sound frames.
    pub frames: Vec<Frame>,
    /// Offset and length of the ranges between them that hold none.
    pub damage: Vec<(usize, usize)>,
    /// Where the last sound frame ends. A frame that a crash cut short may follow.
    pub end: usize,
}

/// Reads all that can be read.
pub(super) fn scan(raw: &[u8]) -> Result<Scan, Error> {
    let (mut found, mut at, mut is_cut) = (Scan::default(), 0, false);
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        match start(rest)? {
            Start::Sound(frame, size) => {
                if at > found.end {
                    found.damage.push((found.end, at - found.end));
                }
                found.frames.push(frame);
                at += size;
                found.end = at;
            }
            other => {
                is_cut = if at == found.end { matches!(other, Start::Cut) } else { is_cut };
                at += 1;
            }
        }
    }
    if found.end < raw.len() && !is_cut {
        found.damage.push((found.end, raw.len() - found.end));
    }
    Ok(found)
}

const CASTAGNOLI: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut c = n as u32;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { (c >> 1) ^ 0x82f6_3b78 } else { c >> 1 };
            bit += 1;
        }
        table[n] = c;
        n += 1;
    }
    table
};

/// CRC-32C, which shows every flip of a bit and most other damage.
pub(super) fn crc32c(parts: &[&[u8]]) -> u32 {
    !parts.iter().copied().flatten().fold(!0, |crc, &byte| (crc >> 8) ^ CASTAGNOLI[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, id: u64, payload: &str) -> Frame {
        Frame { kind, id, payload: payload.to_owned() }
    }

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe306_9283);
    }

    #[test]
    fn every_bit_that_flips_shows_and_the_other_frames_stand() {
        let frames =
            [frame(Kind::Next, 1, ""), frame(Kind::Queued, 1, r#"{"tenant":"a","body":"{}"}"#), frame(Kind::Dead, 1, "{}")];
        let whole = frames.each_ref().map(|frame| frame.write().expect("it is small")).concat();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = scan(&flipped).expect("of this version");
            assert_eq!((found.frames.len(), found.damage.len()), (2, 1), "bit {bit}");
            assert!(found.frames.iter().all(|frame| frames.contains(frame)), "bit {bit}");
        }
        for cut in 0..whole.len() {
            let found = scan(&whole[..cut]).expect("of this version");
            assert_eq!(found.damage, [], "cut at {cut}");
            assert!(found.end <= cut && frames.starts_with(&found.frames), "cut at {cut}");
        }
    }

    #[test]
    fn the_head_of_one_entry_and_the_payload_of_another_are_none() {
        let [one, other] = [(1, "aaaa"), (2, "bbbb")].map(|(id, text)| frame(Kind::Queued, id, text).write().expect("it is small"));
        let found = scan(&[&one[..HEAD], &other[HEAD..], &other].concat()).expect("of this version");
        assert_eq!((found.frames.len(), found.damage.len()), (1, 1));
    }

    #[test]
    fn what_a_later_version_wrote_is_left_alone() {
        let mut raw = frame(Kind::Ended, 1, "").write().expect("it is small");
        raw[4] = b'?';
        let sum = crc32c(&[&raw[..FIELDS]]).to_le_bytes();
        raw[FIELDS..].copy_from_slice(&[sum, sum].concat());
        assert!(scan(&raw).is_err());
    }
}
