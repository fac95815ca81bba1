//! Makes, signs, checks, judges and delivers Proof-of-Computation Summaries.
//!
//! An agent calls [`summarise`] on its data, [`Record::sign`] with its key, and hands the record to an [`outbox`], which delivers
//! it. Whoever receives the bytes calls [`parse()`] and [`Keyring::authenticate`]:
//!
//! ```
//! use flk::{Computation, HmacKey, Keyring, LiveKey, parse, summarise};
//! use std::time::SystemTime;
//!
//! let about = Computation { shard_id: "s1", epoch: 1, seed: 7, sent_at: SystemTime::now() };
//! let mut record = summarise(&[[0.1, 0.2], [0.4, 0.8]], b"raw data", &about)?;
//! record.sign(&HmacKey::new(b"secret")?)?;
//!
//! let received = parse(record.encode()?.as_bytes())?;
//! let mut ring = Keyring::default();
//! ring.keys.insert("default".into(), vec![LiveKey::new(HmacKey::new(b"secret")?)]);
//! ring.authenticate("default", &received, SystemTime::now())?;
//!
//! let refusal = parse(br#"{"epoch": 1, "epoch": 2}"#).unwrap_err();
//! assert_eq!((refusal.requirement, refusal.field.as_deref()), ("REC-2", Some("epoch")));
//! # Ok::<(), flk::Error>(())
//! ```
//!
//! Where a rule of the specification is broken, the error is a [`Refusal`], which names the requirement. But for the outbox,
//! nothing here depends on the clock, the locale or the machine.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod canonical;
mod coherence;
mod dates;
mod error;
pub mod json;
mod judge;
mod merkle;
pub mod outbox;
mod parse;
mod record;
mod signals;
mod signing;
pub mod subject;
mod summarise;

pub use canonical::{Profile, fixed9, round9, text_of_utf16};
pub use coherence::{Coherence, coherence};
pub use error::{Error, Refusal};
pub use judge::{Outcome, Reason, judge};
pub use merkle::{
    Hash, chunks, consistency_proof, inclusion_proof, legacy_root, merkle_root, verify_consistency, verify_inclusion,
};
pub use parse::parse;
pub use record::{Fault, Record, SCHEMA, VERSION, pcs_id};
pub use signals::{DEFAULT_SCALES, Regime, budget, compressibility, count_cells, slope};
pub use signing::{Algorithm, Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, Signer, Verifier};
pub use summarise::{Computation, summarise};
