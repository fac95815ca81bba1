//! The coherence of a cloud of points (SIG-2), and the stream of normals that it is computed with.

use crate::error::Error;

const DIRECTIONS: usize = 100;
const BINS: usize = 20;
const MIN_EXTENT: f64 = 1e-9; // a projection narrower than this is one point

/// A cloud's coherence, and the direction that has it; a record carries the [`crate::round9`] of both.
#[derive(Clone, Debug, PartialEq)]
pub struct Coherence {
    /// The largest share of points that falls into one bin.
    pub share: f64,
    /// The first direction that attains it.
    pub direction: Vec<f64>,
}

/// The largest share of points that falls into one of 20 bins of a projection, over 100 directions drawn from the seed (SIG-2).
/// Points are rows of `dimensions` coordinates.
///
/// # Errors
/// Rows must be of that length, and coordinates finite, and small enough to add up.
pub fn coherence(points: &[impl AsRef<[f64]>], dimensions: usize, seed: u32) -> Result<Coherence, Error> {
    let (mut most, mut direction) = (0, vec![0.0; dimensions]);
    if points.is_empty() {
        return Ok(Coherence { share: 0.0, direction });
    }
    let mut stream = Normals::new(seed);
    for _ in 0..DIRECTIONS {
        let unit = stream.direction(dimensions);
        let fullest = fullest_bin(points, &unit)?;
        if fullest > most {
            (most, direction) = (fullest, unit);
        }
    }
    Ok(Coherence { share: most as f64 / points.len() as f64, direction })
}

/// The most points in one of the equal bins between the least and the greatest projection, the last bin closed.
fn fullest_bin(points: &[impl AsRef<[f64]>], unit: &[f64]) -> Result<usize, Error> {
    let mut projections = Vec::with_capacity(points.len());
    for point in points.iter().map(AsRef::as_ref) {
        if point.len() != unit.len() {
            return Err(Error::unusable(format!("a point has {} coordinates, not {}", point.len(), unit.len())));
        }
        projections.push(point.iter().zip(unit).fold(0.0, |sum, (x, u)| sum + x * u));
    }
    if !projections.iter().all(|x| x.is_finite()) {
        return Err(Error::unusable("coordinates must be finite, and small enough to add up"));
    }
    let least = projections.iter().copied().fold(f64::INFINITY, f64::min);
    let extent = projections.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
    if !extent.is_finite() {
        return Err(Error::unusable("coordinates must be finite, and small enough to add up"));
    }
    if extent < MIN_EXTENT {
        return Ok(points.len());
    }
    let bounds: Vec<f64> = (1..BINS).map(|bin| least + bin as f64 * (extent / BINS as f64)).collect();
    let mut counts = [0; BINS];
    for projection in projections {
        counts[bounds.iter().take_while(|&&bound| projection >= bound).count()] += 1;
    }
    Ok(counts.into_iter().max().unwrap_or_default())
}

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// Standard normals by Marsaglia's polar method from the MT19937 of Matsumoto and Nishimura, as NumPy's `RandomState` draws them.
struct Normals {
    state: [u32; SIZE],
    at: usize,
    spare: Option<f64>, // the second of a pair
}

impl Normals {
    fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for i in 1..SIZE {
            let before = state[i - 1];
            state[i] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, at: SIZE, spare: None }
    }

    fn word(&mut self) -> u32 {
        if self.at == SIZE {
            for i in 0..SIZE {
                let mixed = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % SIZE] & 0x7fff_ffff);
                self.state[i] = self.state[(i + SHIFT) % SIZE] ^ (mixed >> 1) ^ ((mixed & 1) * 0x9908_b0df);
            }
            self.at = 0;
        }
        let mut word = self.state[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// In [0, 1), of 53 random bits.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * f64::from(1 << 26) + f64::from(low)) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// A row of normals of length 1.
    fn direction(&mut self, dimensions: usize) -> Vec<f64> {
        let mut unit: Vec<f64> = (0..dimensions).map(|_| self.normal()).collect();
        let length = unit.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
        for x in &mut unit {
            *x /= length;
        }
        unit
    }
}
