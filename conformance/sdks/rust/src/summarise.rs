//! From data to an unsigned record.

use crate::canonical::round9;
use crate::coherence::coherence;
use crate::dates::rfc3339;
use crate::error::Error;
use crate::merkle::{chunks, merkle_root};
use crate::record::{Fault, Record, SCHEMA, VERSION, pcs_id};
use crate::signals::{DEFAULT_SCALES, Regime, budget, compressibility, count_cells, slope};
use std::time::SystemTime;

/// What a record is about, beside the data themselves.
#[derive(Clone, Debug)]
pub struct Computation<'a> {
    /// Which shard it is of.
    pub shard_id: &'a str,
    /// Which epoch.
    pub epoch: u64,
    /// Of the directions of the coherence; draw it at random.
    pub seed: u32,
    /// Now, as a rule.
    pub sent_at: SystemTime,
}

/// The unsigned record of points, one to a row, and of the raw bytes they were read from. Cells have side 1/scale, so coordinates
/// are in units of the data's extent: map each axis to [0, 1] first.
///
/// # Errors
/// Says which rule no valid record can keep.
pub fn summarise(points: &[impl AsRef<[f64]>], raw: &[u8], about: &Computation<'_>) -> Result<Record, Error> {
    let dimensions = points.first().map_or(0, |point| point.as_ref().len());
    let counts = count_cells(points, &DEFAULT_SCALES)?;
    let ordered: Vec<u64> = DEFAULT_SCALES.iter().filter_map(|scale| counts.get(scale).copied()).collect();
    let cloud = coherence(points, dimensions, about.seed)?;
    let d_hat = round9(slope(&DEFAULT_SCALES, &ordered)?);
    let coh_star = round9(cloud.share);
    let r = round9(compressibility(raw));
    let merkle_root = merkle_root(&chunks(raw)).to_string();
    let record = Record {
        pcs_id: pcs_id(&merkle_root, about.epoch, about.shard_id).to_string(),
        schema: SCHEMA.to_owned(),
        version: VERSION.to_owned(),
        shard_id: about.shard_id.to_owned(),
        epoch: about.epoch,
        attempt: 1,
        sent_at: rfc3339(about.sent_at),
        seed: i64::from(about.seed),
        scales: DEFAULT_SCALES.to_vec(),
        counts,
        coh_star,
        v_star: cloud.direction.into_iter().map(round9).collect(),
        d_hat,
        r,
        regime: Regime::of(d_hat, coh_star),
        budget: round9(budget(d_hat, coh_star, r)),
        merkle_root,
        sig: String::new(),
        ft: Fault::default(),
    };
    record.encode()?; // valid, or refused by name
    Ok(record)
}
