//! One attempt to send a submission, and what the answer means.

use super::Submission;
use super::pause::seconds_asked;
use crate::json::{Document, Value};
use crate::parse::parse;
use std::time::{Duration, SystemTime};
use ureq::Agent;
use ureq::http::header::RETRY_AFTER;

const MAX_ANSWER: u64 = 1 << 20; // bytes that are read

/// An answer, or by default none.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    pub retry_after: f64,
}

/// Sends a submission once. Whatever goes wrong on the way is no answer. A redirect is an answer like any other.
pub(super) fn post(agent: &Agent, url: &str, timeout: Duration, submission: &Submission) -> Reply {
    let request = agent.post(url).config().max_redirects(0).max_redirects_will_error(false).http_status_as_error(false);
    let request = request.timeout_global(Some(timeout)).build();
    let request = request.header("Content-Type", "application/json").header("X-Tenant-Id", &submission.tenant);
    let Ok(mut response) = request.send(submission.body.as_bytes()) else { return Reply::default() };
    let asked = response.headers().get(RETRY_AFTER).and_then(|field| field.to_str().ok());
    let retry_after = asked.map_or(0.0, |field| seconds_asked(field, SystemTime::now()));
    match response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec() {
        Ok(body) => Reply { status: response.status().as_u16(), body, retry_after },
        Err(_) => Reply { retry_after, ..Reply::default() },
    }
}

/// What an answer means for a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its outcome is stored.
    Acknowledged,
    /// No repetition changes the answer.
    Refused,
    /// It says nothing about the record: send it again.
    Nothing,
}

/// Trusts nothing but what an answer says of just this record: a portal or a proxy may answer with any status (OUT-6).
pub(super) fn meaning(body: &str, reply: &Reply) -> Meaning {
    let Ok(document) = Document::read(&reply.body) else { return Meaning::Nothing };
    let said = document.root();
    let has = |name| said.get(name).and_then(Value::text).is_some();
    match (reply.status, outcome_is_of(said, body)) {
        (200 | 202, Some(Content::Same)) => Meaning::Acknowledged,
        (409, Some(Content::Other)) => Meaning::Refused,
        (400 | 401 | 413, _) if has("error") && has("requirement") => Meaning::Refused,
        _ => Meaning::Nothing,
    }
}

enum Content {
    Same,
    Other,
}

/// Of which content the answer states an outcome (ORD-7), if it is of the record that was sent.
fn outcome_is_of(said: Value<'_>, body: &str) -> Option<Content> {
    let record = parse(body.as_bytes()).ok()?;
    for name in ["timestamp", "region", "reason"] {
        said.get(name)?.text()?;
    }
    for name in ["accepted", "escalated"] {
        said.get(name)?.truth()?;
    }
    for name in ["recomputed_D_hat", "recomputed_budget"] {
        said.get(name)?.number()?;
    }
    let digest = said.get("digest")?.text()?;
    if said.get("pcs_id")?.text()? != record.pcs_id {
        return None;
    }
    Some(if digest == record.digest().ok()?.to_string() { Content::Same } else { Content::Other })
}
