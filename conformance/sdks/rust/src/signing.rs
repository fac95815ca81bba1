//! Keys, signatures, and whose signature counts (SIGN-*).

use crate::canonical::Profile;
use crate::error::{Error, Refusal};
use crate::record::Record;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::SystemTime;

/// Makes signatures.
pub trait Signer: Send + Sync {
    /// The signature of the message itself, not of a digest (SIGN-1).
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// Tells whether a signature is its own.
pub trait Verifier: Send + Sync {
    /// Whether `signature` is this key's signature of `message`.
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `hmac-sha256`: agent and service share a secret (SIGN-2).
    HmacSha256,
    /// `ed25519`: whoever verifies cannot sign (SIGN-3).
    Ed25519,
}

impl Algorithm {
    /// The key of a secret: for Ed25519 the seed of RFC 8032.
    ///
    /// # Errors
    /// The secret is empty, or no seed.
    pub fn signer(self, secret: &[u8]) -> Result<Box<dyn Signer>, Error> {
        Ok(match self {
            Self::HmacSha256 => Box::new(HmacKey::new(secret)?),
            Self::Ed25519 => Box::new(Ed25519PrivateKey::new(secret)?),
        })
    }

    /// The key of a secret or, for Ed25519, of a public key.
    ///
    /// # Errors
    /// The secret is empty, or the public key not one that counts.
    pub fn verifier(self, key: &[u8]) -> Result<Box<dyn Verifier>, Error> {
        Ok(match self {
            Self::HmacSha256 => Box::new(HmacKey::new(key)?),
            Self::Ed25519 => Box::new(Ed25519PublicKey::new(key)?),
        })
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "hmac-sha256" => Ok(Self::HmacSha256),
            "ed25519" => Ok(Self::Ed25519),
            _ => Err(Error::unusable(format!("no algorithm is called {name:?}; there are hmac-sha256 and ed25519"))),
        }
    }
}

/// A secret that an agent shares with the service: it signs and it verifies by HMAC-SHA256 (SIGN-2).
#[derive(Clone, Debug)]
pub struct HmacKey(hmac::Key);

impl HmacKey {
    /// A secret of any length but none; 32 random bytes are a good one.
    ///
    /// # Errors
    /// No bytes are no secret.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.is_empty() {
            return Err(Refusal::new("SIGN-2", "a secret has at least one byte").into());
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
}

impl Signer for HmacKey {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, message).as_ref().to_vec()
    }
}

/// Compares in constant time (SIGN-5).
impl Verifier for HmacKey {
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, message, signature).is_ok()
    }
}

/// Signs by pure Ed25519 of RFC 8032 (SIGN-3).
#[derive(Debug)]
pub struct Ed25519PrivateKey(Ed25519KeyPair);

impl Ed25519PrivateKey {
    /// The key of the 32-byte seed of RFC 8032.
    ///
    /// # Errors
    /// A seed has 32 bytes.
    pub fn new(seed: &[u8]) -> Result<Self, Error> {
        let refusal = |_| Error::unusable(format!("a seed of Ed25519 has 32 bytes, not {}", seed.len()));
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(refusal)
    }

    /// The 32 bytes that verifiers need.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl Signer for Ed25519PrivateKey {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// Verifies pure Ed25519 by the equation without the cofactor (SIGN-3).
#[derive(Clone, Debug)]
pub struct Ed25519PublicKey(UnparsedPublicKey<[u8; 32]>);

impl Ed25519PublicKey {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// Points of small order, under which one signature fits many messages, and points in no canonical form are refused.
    pub fn new(raw: &[u8]) -> Result<Self, Error> {
        let Ok(point) = <[u8; 32]>::try_from(raw) else {
            return Err(Error::unusable(format!("a public key of Ed25519 has 32 bytes, not {}", raw.len())));
        };
        if is_weak_point(point) {
            return Err(Refusal::new("SIGN-3", "the public key is a point of small order or not a canonical one").into());
        }
        Ok(Self(UnparsedPublicKey::new(&ED25519, point)))
    }
}

/// Refuses an S that is not below the group's order, and compares R with the encoding of the point that the equation gives.
impl Verifier for Ed25519PublicKey {
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let is_weak = signature.first_chunk().is_none_or(|r| is_weak_point(*r));
        !is_weak && self.0.verify(message, signature).is_ok()
    }
}

/// The y coordinates of the points of order 4, 1, 2, 8 and 8, the sign of x left out, least byte first.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    small(1, 0, 0),
    small(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
        0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
        0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn small(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut y = [between; 32];
    y[0] = first;
    y[31] = last;
    y
}

/// Whether an encoded point has small order, or a y that is not below 2^255 - 19.
fn is_weak_point(encoded: [u8; 32]) -> bool {
    let mut y = encoded;
    y[31] &= 0x7f;
    let is_beyond = y[0] >= 0xed && y[31] == 0x7f && y[1..31].iter().all(|&byte| byte == 0xff);
    is_beyond || SMALL_ORDER.contains(&y)
}

impl Record {
    /// The value of `sig`: standard base64 of the key's signature over the canonical bytes.
    ///
    /// # Errors
    /// Those of [`Record::canonical`].
    pub fn signature(&self, key: &(impl Signer + ?Sized), profile: Profile) -> Result<String, Refusal> {
        Ok(STANDARD.encode(key.sign(self.canonical(profile)?.as_bytes())))
    }

    /// Fills in `sig`, under [`Profile::Judged`], which covers all that is judged (C14N-9).
    ///
    /// # Errors
    /// Those of [`Record::canonical`].
    pub fn sign(&mut self, key: &(impl Signer + ?Sized)) -> Result<(), Refusal> {
        self.sig = self.signature(key, Profile::Judged)?;
        Ok(())
    }
}

/// A key and the time in which it counts (SIGN-4).
pub struct LiveKey {
    /// The key.
    pub key: Box<dyn Verifier>,
    /// From when on it counts, if not since ever.
    pub not_before: Option<SystemTime>,
    /// From when on it counts no more, if ever.
    pub not_after: Option<SystemTime>,
}

impl LiveKey {
    /// A key that always counts.
    pub fn new(key: impl Verifier + 'static) -> Self {
        Self { key: Box::new(key), not_before: None, not_after: None }
    }

    fn is_live(&self, at: SystemTime) -> bool {
        self.not_before.is_none_or(|start| start <= at) && self.not_after.is_none_or(|end| at < end)
    }
}

/// Each tenant's keys, several of them while they rotate, and the profiles that are accepted.
pub struct Keyring {
    /// The keys by tenant.
    pub keys: HashMap<String, Vec<LiveKey>>,
    /// The profiles; by default all but [`Profile::Shortest`].
    pub profiles: Vec<Profile>,
}

impl Default for Keyring {
    fn default() -> Self {
        Self { keys: HashMap::new(), profiles: vec![Profile::Judged, Profile::Fixed9] }
    }
}

impl Keyring {
    /// Succeeds if a key of the tenant itself (SIGN-7), live at the time of the record's log entry, made the record's `sig`.
    ///
    /// # Errors
    /// The refusal names SIGN-6 and does not say what came close.
    pub fn authenticate(&self, tenant: &str, record: &Record, at: SystemTime) -> Result<(), Refusal> {
        let live = || self.keys.get(tenant).into_iter().flatten().filter(|key| key.is_live(at));
        let signature = STANDARD.decode(&record.sig).unwrap_or_default(); // it takes no second spelling
        let made = |profile: &Profile| {
            let message = record.canonical(*profile); // what has none was never signed
            message.is_ok_and(|message| live().any(|key| key.key.verifies(message.as_bytes(), &signature)))
        };
        if !signature.is_empty() && self.profiles.iter().any(made) {
            return Ok(());
        }
        Err(Refusal::of("SIGN-6", "sig", "no live key of this tenant made this signature"))
    }
}
