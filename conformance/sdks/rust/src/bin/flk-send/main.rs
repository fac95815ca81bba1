//! Turns data into signed records and delivers them through an outbox.
//!
//! Each line of its input is a JSON object of points, raw (base64), shard_id, epoch and seed. The key is read from the environment:
//! FLK_SECRET, in base64. It prints how many submissions were acknowledged, dead and postponed, and ends with 0 if none is left.
//! It may be killed at any time: what it queued is delivered when it is run again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flk::json::{Bytes, Document};
use flk::outbox::{Outbox, Summary};
use flk::{Algorithm, Computation, Error, Signer, summarise};
use std::env;
use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::time::SystemTime;

const USAGE: &str = "flk-send [--url URL] [--tenant NAME] [--algorithm hmac-sha256|ed25519] [--outbox DIRECTORY] < LINES";

struct Arguments {
    url: String,
    tenant: String,
    algorithm: Algorithm,
    outbox: String,
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, Error> {
    let mut given = Arguments {
        url: "http://127.0.0.1:8080".to_owned(),
        tenant: "default".to_owned(),
        algorithm: Algorithm::HmacSha256,
        outbox: "outbox".to_owned(),
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| Error::Unusable(USAGE.to_owned()))?;
        match word.as_str() {
            "--url" => given.url = value,
            "--tenant" => given.tenant = value,
            "--algorithm" => given.algorithm = value.parse()?,
            "--outbox" => given.outbox = value,
            _ => return Err(Error::Unusable(USAGE.to_owned())),
        }
    }
    Ok(given)
}

fn send(given: &Arguments) -> Result<Summary, Error> {
    let secret = STANDARD.decode(env::var("FLK_SECRET").unwrap_or_default());
    let secret = secret.map_err(|_| Error::Unusable("FLK_SECRET is not base64".to_owned()))?; // and no byte of it is said
    let key = given.algorithm.signer(&secret)?;
    let outbox = Outbox::open(&given.outbox, &given.url)?;
    for damage in outbox.damage() {
        eprintln!("flk-send: {} bytes from {} of {} are corrupt", damage.length, damage.offset, damage.file.display());
    }
    for line in stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            queue(&outbox, &given.tenant, &*key, &line)?;
        }
    }
    outbox.deliver()
}

fn queue(outbox: &Outbox, tenant: &str, key: &dyn Signer, line: &str) -> Result<(), Error> {
    let document = Document::read(line.as_bytes()).map_err(|fault| Error::Unusable(format!("a line is not JSON: {fault}")))?;
    let data = document.root();
    let (points, raw): (Vec<Vec<f64>>, Bytes) = (data.read("points")?, data.read("raw")?);
    let shard_id: String = data.read("shard_id")?;
    let about =
        Computation { shard_id: &shard_id, epoch: data.read("epoch")?, seed: data.read("seed")?, sent_at: SystemTime::now() };
    let mut record = summarise(&points, raw.as_ref(), &about)?;
    record.sign(key)?;
    outbox.add(tenant, &record).map(drop)
}

fn main() -> ExitCode {
    match arguments(env::args().skip(1)).and_then(|given| send(&given)) {
        Ok(Summary { acknowledged, dead, postponed }) => {
            println!("acknowledged {acknowledged}, dead {dead}, postponed {postponed}");
            ExitCode::from(u8::from(dead + postponed > 0))
        }
        Err(error) => {
            eprintln!("flk-send: {error}");
            ExitCode::from(2)
        }
    }
}
