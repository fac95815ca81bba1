//! Merkle trees over raw data (MRK-*): RFC 6962's, and the older one.

use crate::error::{Error, Refusal};
use crate::json::{FromJson, ToJson, Value};
use ring::digest::{self, SHA256};
use std::fmt;
use std::str::FromStr;

const CHUNK_BYTES: usize = 64;

/// A SHA-256; as text, 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of these bytes, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digit = |c: &u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
        match digits {
            Some(digits) if digits.len() == 64 => {
                let mut hash = [0; 32];
                for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
                }
                Ok(Self(hash))
            }
            _ => Err(Error::unusable("a hash has 64 lowercase hexadecimal digits")),
        }
    }
}

impl ToJson for Hash {
    fn write_json(&self, to: &mut String) {
        self.to_string().write_json(to);
    }
}

impl FromJson for Hash {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        String::from_json(value)?.parse()
    }
}

/// Raw bytes cut into the leaves of their tree, 64 bytes each, the last one shorter if need be (MRK-4).
pub fn chunks(raw: &[u8]) -> Vec<&[u8]> {
    raw.chunks(CHUNK_BYTES).collect()
}

fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::of(&[&[0], leaf])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The root of the tree of RFC 6962 over the leaves, SHA-256 of nothing if there are none (MRK-1). A record carries the root over
/// the [`chunks`] of its raw data.
pub fn merkle_root(leaves: &[impl AsRef<[u8]>]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [leaf] => leaf_hash(leaf.as_ref()),
        _ => {
            let (left, right) = split(leaves);
            node_hash(&merkle_root(left), &merkle_root(right))
        }
    }
}

/// More than one leaf, split at the largest power of two below their number.
fn split<T>(leaves: &[T]) -> (&[T], &[T]) {
    leaves.split_at(1 << (leaves.len() - 1).ilog2())
}

/// The siblings from the leaf with this index, counted from 0, up to the root (MRK-2; RFC 6962, section 2.1.1).
///
/// # Errors
/// Of a leaf that the list does not have there is no proof (MRK-2).
pub fn inclusion_proof(leaves: &[impl AsRef<[u8]>], index: usize) -> Result<Vec<Hash>, Refusal> {
    if index >= leaves.len() {
        return Err(Refusal::new("MRK-2", format!("there is no leaf {index} in a tree of {}", leaves.len())));
    }
    let (mut leaves, mut index, mut proof) = (leaves, index, Vec::new());
    while leaves.len() > 1 {
        let (left, right) = split(leaves);
        if index < left.len() {
            proof.push(merkle_root(right));
            leaves = left;
        } else {
            proof.push(merkle_root(left));
            index -= left.len();
            leaves = right;
        }
    }
    proof.reverse(); // it was found from the root down
    Ok(proof)
}

/// Whether the proof shows that `leaf` has this index among the `size` leaves under `root` (MRK-2; RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(leaf: &[u8], index: usize, size: usize, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut climb, mut hash) = (Climb { node: index, last: size - 1 }, leaf_hash(leaf));
    for sibling in proof {
        match climb.step() {
            Some(Side::Left) => hash = node_hash(sibling, &hash),
            Some(Side::Right) => hash = node_hash(&hash, sibling),
            None => return false,
        }
    }
    climb.last == 0 && hash == *root
}

enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: its place among the nodes of its level, and that of the last one.
struct Climb {
    node: usize,
    last: usize,
}

impl Climb {
    /// Goes to the next node that has a sibling; on which side that is, or `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let is_left = self.node & 1 == 1 || self.node == self.last;
        if is_left {
            while self.node != 0 && self.node & 1 == 0 {
                self.up(); // it rose without a sibling
            }
        }
        self.up();
        Some(if is_left { Side::Left } else { Side::Right })
    }

    fn up(&mut self) {
        (self.node, self.last) = (self.node >> 1, self.last >> 1);
    }
}

/// The nodes from which the root of the first leaves and that of all follow (MRK-3; RFC 6962, section 2.1.2).
///
/// # Errors
/// Of an empty beginning there is no proof, nor of one longer than the list (MRK-3).
pub fn consistency_proof(leaves: &[impl AsRef<[u8]>], first: usize) -> Result<Vec<Hash>, Refusal> {
    if first < 1 || first > leaves.len() {
        return Err(Refusal::new("MRK-3", format!("a tree of {} leaves has no earlier state of {first}", leaves.len())));
    }
    let (mut leaves, mut first, mut is_known, mut proof) = (leaves, first, true, Vec::new());
    while first < leaves.len() {
        let (left, right) = split(leaves);
        if first <= left.len() {
            proof.push(merkle_root(right));
            leaves = left;
        } else {
            proof.push(merkle_root(left));
            first -= left.len();
            leaves = right;
            is_known = false; // the verifier has the root of the first leaves, and not of these
        }
    }
    if !is_known {
        proof.push(merkle_root(leaves));
    }
    proof.reverse();
    Ok(proof)
}

/// Whether the proof shows that the tree of `first` leaves is how that of `second` began (MRK-3; RFC 9162, section 2.1.4.2).
pub fn verify_consistency(first: usize, second: usize, first_root: &Hash, second_root: &Hash, proof: &[Hash]) -> bool {
    if first < 1 || first > second {
        return false;
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    let (start, siblings) = match proof.split_first() {
        _ if first.is_power_of_two() => (first_root, proof), // a complete tree is a node of the later one
        Some(parts) => parts,
        None => return false,
    };
    let mut climb = Climb { node: first - 1, last: second - 1 };
    while climb.node & 1 == 1 {
        climb.up();
    }
    let (mut earlier, mut later) = (*start, *start);
    for sibling in siblings {
        match climb.step() {
            Some(Side::Left) => (earlier, later) = (node_hash(sibling, &earlier), node_hash(sibling, &later)),
            Some(Side::Right) => later = node_hash(&later, sibling),
            None => return false,
        }
    }
    climb.last == 0 && earlier == *first_root && later == *second_root
}

/// The root of the older tree. It exists to check the records that carry one (MRK-5): it tells leaves from nodes by nothing and
/// pairs an odd node with itself, so different lists share a root. New records never use it.
pub fn legacy_root(leaves: &[impl AsRef<[u8]>]) -> Hash {
    let mut level: Vec<Hash> = leaves.iter().map(|leaf| Hash::of(&[leaf.as_ref()])).collect();
    while level.len() > 1 {
        let above = level.chunks(2).map(|pair| {
            let [left, right] = [pair.first(), pair.last()].map(|hash| hash.map(Hash::to_string).unwrap_or_default());
            Hash::of(&[left.as_bytes(), right.as_bytes()])
        });
        level = above.collect();
    }
    level.first().copied().unwrap_or(Hash([0; 32]))
}
