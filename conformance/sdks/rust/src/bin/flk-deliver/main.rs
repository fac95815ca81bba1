//! Delivers what the conformance kit gives it: `flk conform delivery -- flk-deliver`

use flk::json::{Value, object};
use flk::outbox::{Options, Outbox, ureq};
use flk::subject::{Hello, Named, SecretKey, Unchecked, serve};
use flk::{Error, Profile};
use std::io::{self, stdin, stdout};
use std::time::Duration;

fn deliver(q: Value<'_>) -> Result<String, Error> {
    let clock: String = q.read("clock")?;
    let take_pause = move |pause: Duration| {
        let answer = ureq::get(format!("{clock}?seconds={:.9}", pause.as_secs_f64())).call();
        answer.map(drop).map_err(io::Error::other)
    };
    let timeout = Duration::try_from_secs_f64(q.read("timeout")?).map_err(|error| Error::Unusable(error.to_string()))?;
    let options = Options::default().timeout(timeout).sleep(take_pause);
    let outbox = Outbox::open_with(q.read::<String>("outbox")?, &q.read::<String>("url")?, options)?;
    let (SecretKey(key), Named::<Profile>(profile)) = (q.read("key")?, q.read("profile")?);
    for Unchecked(mut record) in q.read::<Vec<_>>("records")? {
        record.sig = record.signature(&*key, profile)?;
        outbox.add(&q.read::<String>("tenant")?, &record)?;
    }
    let round = outbox.deliver()?;
    Ok(object(&[
        ("acknowledged", &round.acknowledged),
        ("dead", &round.dead),
        ("postponed", &round.postponed),
        ("letters", &outbox.dead_letters().len()),
        ("damage", &outbox.damage().len()),
    ]))
}

fn main() -> io::Result<()> {
    let hello = Hello { name: "flk-sdk", version: env!("CARGO_PKG_VERSION"), declined: &[] };
    serve(stdin().lock(), stdout().lock(), &hello, &[("deliver", deliver)])
}
