//! Answers questions of the conformance kit by how often it could, one after another, in so many seconds.

use flk::json::{ToJson, Value, object};
use flk::subject::{Hello, Named, SecretKey, Unchecked, keyring, moment, serve};
use flk::{Error, Profile, Refusal};
use std::hint::black_box;
use std::io::{stdin, stdout};
use std::time::Instant;

/// Operations between two looks at the clock.
const BATCH: u32 = 16;

/// Repeats an operation; its last value shows that it was done.
fn timed<T: ToJson>(q: Value<'_>, operation: impl Fn() -> Result<T, Refusal>) -> Result<String, Error> {
    let (wanted, start) = (q.read::<f64>("seconds")?, Instant::now());
    let mut count = 0;
    loop {
        for _ in 1..BATCH {
            black_box(operation()?);
        }
        let value = operation()?;
        count += BATCH;
        let seconds = start.elapsed().as_secs_f64();
        if seconds >= wanted {
            return Ok(object(&[("count", &count), ("seconds", &seconds), ("value", &value)]));
        }
    }
}

fn sign(q: Value<'_>) -> Result<String, Error> {
    let (Unchecked(record), SecretKey(key)) = (q.read("record")?, q.read("key")?);
    let Named(profile) = q.read::<Named<Profile>>("profile")?;
    timed(q, || record.signature(&*key, profile))
}

fn authenticate(q: Value<'_>) -> Result<String, Error> {
    let Unchecked(mut record) = q.read("record")?;
    record.sig = q.read("sig")?;
    let (keys, tenant, at) = (keyring(q)?, q.read::<String>("tenant")?, moment(q.read("at")?)?);
    timed(q, || keys.authenticate(&tenant, &record, at).map(|()| true))
}

fn main() -> std::io::Result<()> {
    let hello = Hello { name: "flk-sdk", version: env!("CARGO_PKG_VERSION"), declined: &[] };
    serve(stdin().lock(), stdout().lock(), &hello, &[("sign", sign), ("authenticate", authenticate)])
}
