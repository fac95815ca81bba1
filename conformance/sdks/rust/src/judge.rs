//! What a node concludes from a valid, authentic record (JDG-*).

use crate::canonical::{billionths, round9};
use crate::error::Error;
use crate::json::{ToJson, object};
use crate::record::Record;
use crate::signals::{Regime, budget, slope};

const TOLERANCE_D_HAT: u64 = 150_000_000; // billionths; a difference equal to it is within it (JDG-1)
const TOLERANCE_BUDGET: u64 = 10_000_000;

/// The first deviation of a record, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is none.
    Ok,
    /// The slope is wrong: the record is rejected (JDG-2).
    DHatOutOfTolerance,
    /// The regime is wrong: accepted and escalated (JDG-3).
    RegimeMismatch,
    /// The budget is wrong: accepted and escalated (JDG-4).
    BudgetDeviation,
}

impl ToJson for Reason {
    fn write_json(&self, to: &mut String) {
        let name = match self {
            Self::Ok => "ok",
            Self::DHatOutOfTolerance => "D_hat_out_of_tolerance",
            Self::RegimeMismatch => "regime_mismatch",
            Self::BudgetDeviation => "budget_deviation",
        };
        name.write_json(to);
    }
}

/// An outcome (JDG-6).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether the slope is within tolerance.
    pub accepted: bool,
    /// Whether a person should look at it.
    pub escalated: bool,
    /// Why.
    pub reason: Reason,
    /// The slope of the record's counts.
    pub recomputed_d_hat: f64,
    /// The budget of the claimed signals.
    pub recomputed_budget: f64,
}

impl ToJson for Outcome {
    fn write_json(&self, to: &mut String) {
        to.push_str(&object(&[
            ("accepted", &self.accepted),
            ("escalated", &self.escalated),
            ("reason", &self.reason),
            ("recomputed_D_hat", &self.recomputed_d_hat),
            ("recomputed_budget", &self.recomputed_budget),
        ]));
    }
}

/// Recomputes what can be recomputed of a valid record. An agent that judges its record before sending it learns what a node will
/// say.
///
/// # Errors
/// A record built by hand may lack a count, or two scales that differ.
pub fn judge(record: &Record) -> Result<Outcome, Error> {
    let recomputed_d_hat = slope(&record.scales, &record.ordered_counts()?)?;
    let recomputed_budget = budget(record.d_hat, record.coh_star, record.r);
    let reason = if apart(record.d_hat, recomputed_d_hat) > TOLERANCE_D_HAT {
        Reason::DHatOutOfTolerance
    } else if record.regime != Regime::of(record.d_hat, record.coh_star) {
        Reason::RegimeMismatch
    } else if apart(record.budget, recomputed_budget) > TOLERANCE_BUDGET {
        Reason::BudgetDeviation
    } else {
        Reason::Ok
    };
    Ok(Outcome {
        accepted: reason != Reason::DHatOutOfTolerance,
        escalated: reason != Reason::Ok,
        reason,
        recomputed_d_hat: round9(recomputed_d_hat),
        recomputed_budget: round9(recomputed_budget),
    })
}

fn apart(a: f64, b: f64) -> u64 {
    billionths(a).abs_diff(billionths(b))
}
