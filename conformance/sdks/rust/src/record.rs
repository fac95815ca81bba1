//! The record, its id and its digest.

use crate::canonical::Profile;
use crate::error::Refusal;
use crate::json::{ToJson, object};
use crate::merkle::Hash;
use crate::parse::parse;
use crate::signals::Regime;
use std::collections::BTreeMap;

/// What a record's `schema` must say (REC-4).
pub const SCHEMA: &str = "fractal-lba-kakeya";
/// What this edition of the SDK writes as `version`.
pub const VERSION: &str = "0.1";

/// A Proof-of-Computation Summary with all its nineteen fields. Built by hand it is unchecked; [`parse`](crate::parse()) returns
/// valid ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// SHA-256 of root, epoch and shard: see [`pcs_id`].
    pub pcs_id: String,
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Which agent wrote it.
    pub version: String,
    /// 1 to 128 printable ASCII characters without bar, quote and backslash.
    pub shard_id: String,
    /// 0 to 2^53 - 1.
    pub epoch: u64,
    /// 1 to 2^31 - 1.
    pub attempt: u32,
    /// When it was sent, as RFC 3339 writes it.
    pub sent_at: String,
    /// Of the directions of `coh_star`.
    pub seed: i64,
    /// 2 to 32 distinct ones from 1 to 1024.
    pub scales: Vec<u32>,
    /// `N_j`: the occupied cells at each scale.
    pub counts: BTreeMap<u32, u64>,
    /// The coherence, 0 to 1.05.
    pub coh_star: f64,
    /// The direction that has it.
    pub v_star: Vec<f64>,
    /// `D_hat`: the slope, 0 to 3.5.
    pub d_hat: f64,
    /// The compressibility, 0 to 1.
    pub r: f64,
    /// Follows from `d_hat` and `coh_star`.
    pub regime: Regime,
    /// Follows from `d_hat`, `coh_star` and `r`.
    pub budget: f64,
    /// Of the raw data, 64 hexadecimal digits.
    pub merkle_root: String,
    /// See [`Record::sign`].
    pub sig: String,
    /// How the agent fared.
    pub ft: Fault,
}

/// How an agent fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The record's place in the outbox.
    pub outbox_seq: u64,
    /// Whether the agent worked degraded.
    pub degraded: bool,
    /// By which fallbacks.
    pub fallbacks: Vec<String>,
    /// The skew of its clock, in milliseconds.
    pub clock_skew_ms: i64,
}

impl ToJson for Fault {
    fn write_json(&self, to: &mut String) {
        to.push_str(&object(&[
            ("outbox_seq", &self.outbox_seq),
            ("degraded", &self.degraded),
            ("fallbacks", &self.fallbacks),
            ("clock_skew_ms", &self.clock_skew_ms),
        ]));
    }
}

/// The id of a computation: the SHA-256 of root, epoch and shard with bars between (ID-1).
pub fn pcs_id(merkle_root: &str, epoch: u64, shard_id: &str) -> Hash {
    Hash::of(&[format!("{merkle_root}|{epoch}|{shard_id}").as_bytes()])
}

impl Record {
    /// The record as the JSON body of a submission.
    ///
    /// # Errors
    /// Refuses a record that [`parse`](crate::parse()) would refuse.
    pub fn encode(&self) -> Result<String, Refusal> {
        let body = object(&[
            ("pcs_id", &self.pcs_id),
            ("schema", &self.schema),
            ("version", &self.version),
            ("shard_id", &self.shard_id),
            ("epoch", &self.epoch),
            ("attempt", &self.attempt),
            ("sent_at", &self.sent_at),
            ("seed", &self.seed),
            ("scales", &self.scales),
            ("N_j", &self.counts),
            ("coh_star", &self.coh_star),
            ("v_star", &self.v_star),
            ("D_hat", &self.d_hat),
            ("r", &self.r),
            ("regime", &self.regime),
            ("budget", &self.budget),
            ("merkle_root", &self.merkle_root),
            ("sig", &self.sig),
            ("ft", &self.ft),
        ]);
        parse(body.as_bytes())?;
        Ok(body)
    }

    /// The SHA-256 of all that is signed or judged: what tells another content under one id from the same one delivered again
    /// (DUP-3).
    ///
    /// # Errors
    /// Those of [`Record::canonical`].
    pub fn digest(&self) -> Result<Hash, Refusal> {
        Ok(Hash::of(&[self.canonical(Profile::Judged)?.as_bytes()]))
    }
}
