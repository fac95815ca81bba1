//! Reading bodies: what is no valid record is refused by name (REC-*, ID-*).

use crate::error::Refusal;
use crate::json::{Document, Fault as Misread, Value};
use crate::record::{Fault, Record, SCHEMA, pcs_id};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const MAX_INTEGER: u64 = (1 << 53) - 1; // the largest that every JSON reader keeps
const MAX_ATTEMPT: u64 = (1 << 31) - 1;
const MAX_TEXT: usize = 128; // characters
const SCALES: RangeInclusive<usize> = 2..=32;
const MAX_SCALE: u64 = 1024;
const MAX_DIMENSIONS: usize = 16;
const MAX_FALLBACKS: usize = 16;

const RECORD_FIELDS: [&str; 19] = [
    "pcs_id",
    "schema",
    "version",
    "shard_id",
    "epoch",
    "attempt",
    "sent_at",
    "seed",
    "scales",
    "N_j",
    "coh_star",
    "v_star",
    "D_hat",
    "r",
    "regime",
    "budget",
    "merkle_root",
    "sig",
    "ft",
];
const FAULT_FIELDS: [&str; 4] = ["outbox_seq", "degraded", "fallbacks", "clock_skew_ms"];

/// The valid record that a body holds: one JSON object in UTF-8 that breaks no rule. Its signature is not looked at.
///
/// # Errors
/// Names the requirement that the body breaks, and the field (REC-10).
pub fn parse(body: &[u8]) -> Result<Record, Refusal> {
    let document = Document::read(body).map_err(|misread| match misread {
        Misread::RepeatedKey(ref key) => Refusal::of("REC-2", key, misread.to_string()),
        Misread::Malformed { .. } => Refusal::new("REC-1", format!("the body is not one JSON object in UTF-8: {misread}")),
    })?;
    let refusal = || Refusal::new("REC-1", "the body is not a JSON object");
    let fields = Fields::of(document.root(), &RECORD_FIELDS, None)?.ok_or_else(refusal)?;
    let scales = fields.take("scales", "REC-7", scales)?;
    let record = Record {
        pcs_id: fields.take("pcs_id", "ID-1", text)?,
        schema: fields.take("schema", "REC-4", |v| text(v).filter(|schema| schema == SCHEMA))?,
        version: fields.take("version", "REC-4", |v| short_text(v).filter(|version| !version.is_empty()))?,
        shard_id: fields.take("shard_id", "ID-3", |v| text(v).filter(|id| is_shard_id(id)))?,
        epoch: fields.take("epoch", "ID-4", |v| integer(v, 0..=MAX_INTEGER))?,
        attempt: fields.take("attempt", "REC-8", |v| u32::try_from(integer(v, 1..=MAX_ATTEMPT)?).ok())?,
        sent_at: fields.take("sent_at", "REC-8", |v| text(v).filter(|time| is_date_time(time)))?,
        seed: fields.take("seed", "REC-8", Value::integer)?,
        counts: fields.take("N_j", "REC-7", |v| counts(v, &scales))?,
        scales,
        coh_star: fields.take("coh_star", "REC-5", |v| real(v, 1.05))?,
        v_star: fields.take("v_star", "REC-8", direction)?,
        d_hat: fields.take("D_hat", "REC-5", |v| real(v, 3.5))?,
        r: fields.take("r", "REC-5", |v| real(v, 1.0))?,
        regime: fields.take("regime", "REC-6", |v| v.text()?.parse().ok())?,
        budget: fields.take("budget", "REC-5", |v| real(v, 1.0))?,
        merkle_root: fields.take("merkle_root", "ID-2", |v| text(v).filter(|root| is_root(root)))?,
        sig: fields.take("sig", "REC-9", short_text)?,
        ft: fault(fields.take("ft", "REC-8", Some)?)?,
    };
    if record.pcs_id != pcs_id(&record.merkle_root, record.epoch, &record.shard_id).to_string() {
        return Err(Refusal::of("ID-1", "pcs_id", "pcs_id is not SHA-256 of merkle_root|epoch|shard_id"));
    }
    Ok(record)
}

fn fault(object: Value<'_>) -> Result<Fault, Refusal> {
    let refusal = || Refusal::of("REC-8", "ft", "ft is not an object");
    let fields = Fields::of(object, &FAULT_FIELDS, Some("ft"))?.ok_or_else(refusal)?;
    Ok(Fault {
        outbox_seq: fields.take("outbox_seq", "REC-8", |v| integer(v, 0..=MAX_INTEGER))?,
        degraded: fields.take("degraded", "REC-8", Value::truth)?,
        fallbacks: fields.take("fallbacks", "REC-8", fallbacks)?,
        clock_skew_ms: fields.take("clock_skew_ms", "REC-8", Value::integer)?,
    })
}

/// The members of an object. A bad value is reported at the record's own field: `within`, or if there is none the one that has it.
struct Fields<'d> {
    object: Value<'d>,
    within: Option<&'static str>,
}

impl<'d> Fields<'d> {
    /// `None` if it is no object. A member that is not one of those known breaks REC-3.
    fn of(object: Value<'d>, known: &[&str], within: Option<&'static str>) -> Result<Option<Self>, Refusal> {
        let Some(mut members) = object.members() else { return Ok(None) };
        match members.find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => Err(Refusal::of("REC-3", name, format!("the field {name:?} is unknown"))),
            None => Ok(Some(Self { object, within })),
        }
    }

    /// What is read of a member. One that is missing breaks REC-3, one that cannot be read the requirement.
    fn take<T>(&self, name: &str, requirement: &'static str, read: impl FnOnce(Value<'d>) -> Option<T>) -> Result<T, Refusal> {
        let missing = || Refusal::of("REC-3", name, format!("the field {name:?} is missing"));
        let value = self.object.get(name).ok_or_else(missing)?;
        let refusal = || Refusal::of(requirement, self.within.unwrap_or(name), format!("the value of {name} is not allowed"));
        read(value).ok_or_else(refusal)
    }
}

fn text(value: Value<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn short_text(value: Value<'_>) -> Option<String> {
    text(value).filter(|text| text.chars().count() <= MAX_TEXT)
}

fn integer(value: Value<'_>, allowed: RangeInclusive<u64>) -> Option<u64> {
    value.integer().filter(|n| allowed.contains(n))
}

fn real(value: Value<'_>, most: f64) -> Option<f64> {
    value.real().filter(|x| (0.0..=most).contains(x))
}

fn is_root(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_shard_id(text: &str) -> bool {
    let allowed = |c| matches!(c, b' '..=b'~') && !matches!(c, b'|' | b'"' | b'\\');
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text has the form of RFC 3339, whatever the digits are: `2026-01-31T23:59:60.5Z`.
fn is_date_time(text: &str) -> bool {
    let is_like = |text: &str, form: &str| {
        let matches = |(c, f): (u8, u8)| if f == b'0' { c.is_ascii_digit() } else { c == f };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(matches)
    };
    let Some((seconds, rest)) = text.split_at_checked(19) else { return false };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - zone.len())) {
                return false;
            }
            zone
        }
        None => rest,
    };
    is_like(seconds, "0000-00-00T00:00:00") && (zone == "Z" || is_like(zone, "+00:00") || is_like(zone, "-00:00"))
}

fn scales(value: Value<'_>) -> Option<Vec<u32>> {
    let mut scales = Vec::new();
    for item in value.items()? {
        let scale = u32::try_from(integer(item, 1..=MAX_SCALE)?).ok()?;
        if scales.contains(&scale) {
            return None;
        }
        scales.push(scale);
    }
    SCALES.contains(&scales.len()).then_some(scales)
}

/// One count for each scale, under the scale in decimal, and no other key.
fn counts(value: Value<'_>, scales: &[u32]) -> Option<BTreeMap<u32, u64>> {
    if value.members()?.count() != scales.len() {
        return None;
    }
    let count = |scale: &u32| Some((*scale, integer(value.get(&scale.to_string())?, 1..=MAX_INTEGER)?));
    scales.iter().map(count).collect()
}

fn direction(value: Value<'_>) -> Option<Vec<f64>> {
    let items = value.items()?;
    let direction: Vec<f64> = items.map(Value::real).take(MAX_DIMENSIONS + 1).collect::<Option<_>>()?;
    (1..=MAX_DIMENSIONS).contains(&direction.len()).then_some(direction)
}

fn fallbacks(value: Value<'_>) -> Option<Vec<String>> {
    let fallbacks: Vec<String> = value.items()?.map(short_text).take(MAX_FALLBACKS + 1).collect::<Option<_>>()?;
    (fallbacks.len() <= MAX_FALLBACKS).then_some(fallbacks)
}
