//! Converses with the conformance kit (`conformance/PROTOCOL.md`), for this SDK or any other in Rust: give [`serve`] a table of
//! operations.

use crate::canonical::{Profile, text_of_utf16};
use crate::error::Error;
use crate::json::{Bytes, Document, FromJson, ToJson, Value, object};
use crate::record::{Fault, Record};
use crate::signals::Regime;
use crate::signing::{Algorithm, Keyring, LiveKey, Signer};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::panic::catch_unwind;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Answers a question by a value, as JSON. A refusal says which requirement the input breaks; another error is a failure of the
/// subject.
pub type Operation = fn(Value<'_>) -> Result<String, Error>;

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// The SDK's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Operations and flags that it leaves out, and why.
    pub declined: &'a [(&'a str, &'a str)],
}

/// Answers the kit line by line, up to its bye or the end of the input.
///
/// # Errors
/// The kit went away, or wrote what is no message.
pub fn serve(input: impl BufRead, mut output: impl Write, hello: &Hello<'_>, operations: &[(&str, Operation)]) -> io::Result<()> {
    for line in input.lines() {
        let line = line?;
        let document = Document::read(line.as_bytes()).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
        let message = document.root();
        let reply = match message.get("run").and_then(Value::integer) {
            Some(number) => answer(number, message, operations),
            None if message.get("bye").is_some() => object(&[("bye", &BTreeMap::<String, String>::new())]),
            None => introduced(hello, operations),
        };
        writeln!(output, "{reply}")?;
        output.flush()?;
        if message.get("bye").is_some() {
            break;
        }
    }
    Ok(())
}

fn introduced(hello: &Hello<'_>, operations: &[(&str, Operation)]) -> String {
    let names: Vec<String> = operations.iter().map(|(name, _)| (*name).to_owned()).collect();
    let declined: BTreeMap<_, _> = hello.declined.iter().map(|(name, why)| (name, (*why).to_owned())).collect();
    let subject = object(&[
        ("protocol", &1u32),
        ("name", &hello.name),
        ("version", &hello.version),
        ("language", &"Rust"),
        ("operations", &names),
        ("declined", &declined),
    ]);
    object(&[("hello", &Written(subject))])
}

fn answer(number: u64, message: Value<'_>, operations: &[(&str, Operation)]) -> String {
    let name = message.get("operation").and_then(Value::text);
    let found = operations.iter().find(|(known, _)| Some(*known) == name);
    let (Some((_, operation)), Some(input)) = (found, message.get("input")) else {
        return object(&[("seq", &number), ("skip", &"there is no such operation")]);
    };
    match catch_unwind(|| operation(input)) {
        Ok(Ok(value)) => object(&[("seq", &number), ("value", &Written(value))]),
        Ok(Err(Error::Refused(refusal))) => object(&[("seq", &number), ("error", &refusal.requirement), ("field", &refusal.field)]),
        Ok(Err(error)) => object(&[("seq", &number), ("crash", &error.to_string())]),
        Err(_) => object(&[("seq", &number), ("crash", &"the operation panicked")]),
    }
}

/// JSON that is written already.
struct Written(String);

impl ToJson for Written {
    fn write_json(&self, to: &mut String) {
        to.push_str(&self.0);
    }
}

/// A number, or the word for one that JSON cannot write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real(pub f64);

impl FromJson for Real {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        let word = value.text().and_then(|word| word.parse().ok());
        word.map_or_else(|| f64::from_json(value), Ok).map(Self)
    }
}

/// A place in a list. One that no list has, before its start or beyond all memory, is the greatest.
#[derive(Clone, Copy, Debug)]
pub struct Place(pub usize);

impl FromJson for Place {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        Ok(Self(value.integer().unwrap_or(usize::MAX)))
    }
}

/// What has a name.
#[derive(Clone, Copy, Debug)]
pub struct Named<T>(pub T);

impl<T: FromStr<Err = Error>> FromJson for Named<T> {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        String::from_json(value)?.parse().map(Self)
    }
}

/// A text, or the UTF-16 code units of one that UTF-8 may not carry.
#[derive(Default)]
struct Text(String);

impl FromJson for Text {
    fn from_json(value: Value<'_>) -> Result<Self, Error> {
        match value.items() {
            Some(_) => Ok(Self(text_of_utf16(&Vec::from_json(value)?)?)),
            None => String::from_json(value).map(Self),
        }
    }
}

/// A record that need not be valid, nor whole: what it lacks is zero or empty.
#[derive(Clone, Debug)]
pub struct Unchecked(pub Record);

impl FromJson for Unchecked {
    fn from_json(given: Value<'_>) -> Result<Self, Error> {
        fn read<T: FromJson + Default>(given: Value<'_>, name: &str) -> Result<T, Error> {
            given.read_if_any(name).map(Option::unwrap_or_default)
        }
        let text = |name| read::<Text>(given, name).map(|text| text.0);
        let real = |name| read::<Real>(given, name).map(|real| real.0);
        Ok(Self(Record {
            pcs_id: text("pcs_id")?,
            schema: text("schema")?,
            version: text("version")?,
            shard_id: text("shard_id")?,
            epoch: read(given, "epoch")?,
            attempt: read(given, "attempt")?,
            sent_at: text("sent_at")?,
            seed: read(given, "seed")?,
            scales: read(given, "scales")?,
            counts: read(given, "N_j")?,
            coh_star: real("coh_star")?,
            v_star: read(given, "v_star")?,
            d_hat: real("D_hat")?,
            r: real("r")?,
            regime: given.read_if_any("regime")?.map_or(Regime::Mixed, |Named(regime)| regime),
            budget: real("budget")?,
            merkle_root: text("merkle_root")?,
            sig: text("sig")?,
            ft: given.get("ft").map_or(Ok(Fault::default()), |ft| {
                Ok::<_, Error>(Fault {
                    outbox_seq: read(ft, "outbox_seq")?,
                    degraded: read(ft, "degraded")?,
                    fallbacks: read(ft, "fallbacks")?,
                    clock_skew_ms: read(ft, "clock_skew_ms")?,
                })
            })?,
        }))
    }
}

/// A key that signs.
pub struct SecretKey(pub Box<dyn Signer>);

impl FromJson for SecretKey {
    fn from_json(given: Value<'_>) -> Result<Self, Error> {
        let Named(algorithm) = given.read::<Named<Algorithm>>("algorithm")?;
        algorithm.signer(given.read::<Bytes>("secret")?.as_ref()).map(Self)
    }
}

/// A key that checks, and its window. One that the SDK refuses verifies nothing.
struct CheckingKey(Option<LiveKey>);

impl FromJson for CheckingKey {
    fn from_json(given: Value<'_>) -> Result<Self, Error> {
        let Named(algorithm) = given.read::<Named<Algorithm>>("algorithm")?;
        let bound = |name| given.read_if_any(name)?.map(moment).transpose();
        let (not_before, not_after) = (bound("not_before")?, bound("not_after")?);
        let key = algorithm.verifier(given.read::<Bytes>("key")?.as_ref());
        Ok(Self(key.ok().map(|key| LiveKey { key, not_before, not_after })))
    }
}

/// The keys of an input by tenant, and the profiles it accepts.
///
/// # Errors
/// The input has none.
pub fn keyring(input: Value<'_>) -> Result<Keyring, Error> {
    let keys: BTreeMap<String, Vec<CheckingKey>> = input.read("keys")?;
    let profiles: Vec<Named<Profile>> = input.read("profiles")?;
    Ok(Keyring {
        keys: keys.into_iter().map(|(tenant, keys)| (tenant, keys.into_iter().filter_map(|key| key.0).collect())).collect(),
        profiles: profiles.into_iter().map(|profile| profile.0).collect(),
    })
}

/// A time given in seconds since 1970.
///
/// # Errors
/// It is beyond what the system's clock can show.
pub fn moment(seconds: f64) -> Result<SystemTime, Error> {
    let distance = Duration::try_from_secs_f64(seconds.abs()).ok();
    let moment = distance.and_then(
        |distance| {
            if seconds < 0.0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
        },
    );
    moment.ok_or_else(|| Error::unusable(format!("no clock shows {seconds} seconds since 1970")))
}
