//! The signals that are computed from points and bytes, and what follows from them (SIG-*).

use crate::canonical::round9;
use crate::error::Error;
use crate::json::ToJson;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Write;
use std::str::FromStr;

/// The scales at which an agent counts cells.
pub const DEFAULT_SCALES: [u32; 4] = [2, 4, 8, 16];

const MIN_DISTANCE: f64 = 1e-9; // scales closer than this have no slope
const ZLIB_LEVEL: u32 = 6;

/// How a computation moves (SIG-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Regime {
    /// Coherent, of a small slope.
    Sticky,
    /// Neither of the others.
    Mixed,
    /// Of a large slope.
    NonSticky,
}

impl Regime {
    /// Where a slope and a coherence fall, both as they are signed (SIG-4).
    pub fn of(d_hat: f64, coh_star: f64) -> Self {
        let (d_hat, coh_star) = (round9(d_hat), round9(coh_star));
        if coh_star >= 0.70 && d_hat <= 1.5 {
            Self::Sticky
        } else if d_hat >= 2.6 {
            Self::NonSticky
        } else {
            Self::Mixed
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sticky => "sticky",
            Self::Mixed => "mixed",
            Self::NonSticky => "non_sticky",
        }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

impl FromStr for Regime {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        [Self::Sticky, Self::Mixed, Self::NonSticky]
            .into_iter()
            .find(|regime| regime.name() == name)
            .ok_or_else(|| Error::unusable(format!("no regime is called {name:?}; there are sticky, mixed and non_sticky")))
    }
}

impl ToJson for Regime {
    fn write_json(&self, to: &mut String) {
        self.name().write_json(to);
    }
}

/// The Theil-Sen estimate: the median of the slopes between all pairs of points (log2 scale, log2 count), of an even number the
/// mean of the middle two (SIG-1). A record's `D_hat` is its [`round9`].
///
/// # Errors
/// There must be a count for each scale, all of them at least 1, and two scales that differ.
pub fn slope(scales: &[u32], counts: &[u64]) -> Result<f64, Error> {
    if scales.len() != counts.len() {
        return Err(Error::unusable(format!("{} scales have {} counts", scales.len(), counts.len())));
    }
    if scales.contains(&0) || counts.contains(&0) {
        return Err(Error::unusable("scales and counts are at least 1"));
    }
    let points: Vec<(f64, f64)> =
        scales.iter().zip(counts).map(|(&scale, &count)| (f64::from(scale).log2(), (count as f64).log2())).collect();
    let mut slopes = Vec::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let earlier = points.iter().take(i).filter(|(other, _)| (x - other).abs() >= MIN_DISTANCE);
        slopes.extend(earlier.map(|(other_x, other_y)| (y - other_y) / (x - other_x)));
    }
    slopes.sort_by(f64::total_cmp);
    match slopes.as_slice() {
        [] => Err(Error::unusable("a slope needs two different scales")),
        all if all.len() % 2 == 1 => Ok(all[all.len() / 2]),
        all => Ok((all[all.len() / 2 - 1] + all[all.len() / 2]) / 2.0),
    }
}

/// The share of verification effort that a record asks for, from its signals as they are signed (SIG-6). A record's budget is its
/// [`round9`]. Rust fuses no product with a sum, so each is rounded (SIG-7).
pub fn budget(d_hat: f64, coh_star: f64, r: f64) -> f64 {
    let (d_hat, coh_star, r) = (round9(d_hat), round9(coh_star), round9(r));
    let spread = (d_hat - 2.2).max(0.0);
    (0.10 + 0.30 * (1.0 - r) + 0.50 * spread + 0.20 * coh_star).clamp(0.0, 1.0)
}

/// The zlib ratio of raw bytes at level 6, at most 1; 1 for no bytes (SIG-3). The bytes are those of zlib's own deflate.
pub fn compressibility(raw: &[u8]) -> f64 {
    if raw.is_empty() {
        return 1.0;
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(ZLIB_LEVEL));
    let packed = encoder.write_all(raw).and_then(|()| encoder.finish());
    packed.map_or(1.0, |packed| (packed.len() as f64 / raw.len() as f64).min(1.0)) // a Vec takes everything
}

/// For each scale, how many distinct cells of side 1/scale hold a point (SIG-5). Points are rows of equal length.
///
/// # Errors
/// A coordinate must be finite, also that many times as large.
pub fn count_cells(points: &[impl AsRef<[f64]>], scales: &[u32]) -> Result<BTreeMap<u32, u64>, Error> {
    let mut counts = BTreeMap::new();
    for &scale in scales {
        let mut cells = HashSet::new();
        for point in points {
            let cell: Vec<f64> = point.as_ref().iter().map(|x| (x * f64::from(scale)).floor() + 0.0).collect(); // -0 is 0
            if !cell.iter().all(|floor| floor.is_finite()) {
                return Err(Error::unusable(format!("a coordinate must be finite, also {scale} times as large")));
            }
            cells.insert(cell.into_iter().map(f64::to_bits).collect::<Vec<_>>());
        }
        counts.insert(scale, cells.len() as u64);
    }
    Ok(counts)
}
