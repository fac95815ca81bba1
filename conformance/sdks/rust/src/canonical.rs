//! The canonical form: the bytes that are signed (C14N-*).

use crate::error::{Error, Refusal};
use crate::json::ToJson;
use crate::record::Record;
use std::fmt;
use std::str::FromStr;

/// What a signature covers, and how reals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The eight signed fields, reals with nine fractional digits (C14N-1 to C14N-5).
    Fixed9,
    /// Besides, the counts, the regime and the scales: all that is judged (C14N-9). Sign with it.
    Judged,
    /// The form of older signers: accept it only where they still sign (C14N-6).
    Shortest,
}

impl fmt::Display for Profile {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Fixed9 => "fixed9",
            Self::Judged => "judged",
            Self::Shortest => "shortest",
        })
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        [Self::Fixed9, Self::Judged, Self::Shortest]
            .into_iter()
            .find(|profile| profile.to_string() == name)
            .ok_or_else(|| Error::unusable(format!("no profile is called {name:?}; there are fixed9, judged and shortest")))
    }
}

/// Writes `x` with exactly nine fractional digits: the decimal nearest to the exact value, of two equally near the one whose
/// last digit is even, and zero without a sign (C14N-2, C14N-3).
///
/// # Errors
/// NaN and the infinities are refused (C14N-4).
pub fn fixed9(x: f64) -> Result<String, Refusal> {
    if !x.is_finite() {
        return Err(Refusal::new("C14N-4", format!("{x} has no canonical form; signals are finite")));
    }
    let text = format!("{x:.9}"); // of the exact binary value, ties to even
    Ok(if text == "-0.000000000" { "0.000000000".to_owned() } else { text })
}

/// The double nearest to what [`fixed9`] writes. NaN and the infinities stay what they are.
pub fn round9(x: f64) -> f64 {
    fixed9(x).ok().and_then(|text| text.parse().ok()).unwrap_or(x)
}

/// [`round9`] in billionths, for numbers below nine billion: tolerances compare these integers (JDG-1).
pub(crate) fn billionths(x: f64) -> i64 {
    fixed9(x).ok().and_then(|text| text.replacen('.', "", 1).parse().ok()).unwrap_or(i64::MAX)
}

/// [`round9`] as the shortest decimal that reads back, in Python's notation: `1.0`, `1e-05` (C14N-6).
fn shortest(x: f64) -> Result<String, Refusal> {
    fixed9(x)?;
    let rounded = round9(x);
    let scientific = format!("{rounded:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        return Ok(format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()));
    }
    let plain = format!("{rounded}");
    Ok(if plain.contains('.') { plain } else { plain + ".0" })
}

/// The text of UTF-16 code units, as other languages hold it.
///
/// # Errors
/// Half of a surrogate pair without the other half, which UTF-8 cannot carry, is refused (C14N-5).
pub fn text_of_utf16(units: &[u16]) -> Result<String, Refusal> {
    String::from_utf16(units).map_err(|_| Refusal::new("C14N-5", "UTF-8 cannot carry a surrogate that stands alone"))
}

impl Record {
    /// The text whose bytes are signed. The record need not be valid.
    ///
    /// # Errors
    /// It must have a canonical form, though: finite reals (C14N-4) and, under [`Profile::Judged`], a count for each scale
    /// (C14N-9).
    pub fn canonical(&self, profile: Profile) -> Result<String, Refusal> {
        let real = if profile == Profile::Shortest { shortest } else { fixed9 };
        let mut text = format!(
            r#"{{"D_hat":{},"budget":{},"coh_star":{},"epoch":{},"merkle_root":{},"pcs_id":{},"r":{},"shard_id":{}}}"#,
            real(self.d_hat)?,
            real(self.budget)?,
            real(self.coh_star)?,
            self.epoch,
            self.merkle_root.to_json(),
            self.pcs_id.to_json(),
            real(self.r)?,
            self.shard_id.to_json(),
        );
        if profile == Profile::Judged {
            let counts = self.ordered_counts()?;
            let counted: Vec<String> =
                self.scales.iter().zip(counts).map(|(scale, count)| format!(r#""{scale}":{count}"#)).collect();
            text += &format!(
                "\n{{\"N_j\":{{{}}},\"regime\":{},\"scales\":{}}}",
                counted.join(","),
                self.regime.to_json(),
                self.scales.to_json()
            );
        }
        Ok(text)
    }

    /// The counts in the order of the scales.
    pub(crate) fn ordered_counts(&self) -> Result<Vec<u64>, Refusal> {
        let count = |scale| self.counts.get(scale).copied();
        let missing = |scale| Refusal::of("C14N-9", "N_j", format!("N_j has no count for scale {scale}"));
        self.scales.iter().map(|scale| count(scale).ok_or_else(|| missing(scale))).collect()
    }
}
