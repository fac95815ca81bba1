//! Delivers records at least once: they are durable before they are sent and stay queued, through restarts and kills, until the
//! service has stored their outcome or refused them for good (OUT-*).
//!
//! ```no_run
//! # fn example(record: flk::Record) -> Result<(), flk::Error> {
//! let outbox = flk::outbox::Outbox::open("outbox", "https://flk.example")?;
//! outbox.add("default", &record)?;
//! let summary = outbox.deliver()?;
//! # Ok(()) }
//! ```

mod frame;
mod journal;
mod pause;
mod send;
mod state;

pub use journal::Damage;
pub use pause::pause;
pub use ureq;

use crate::error::Error;
use crate::json::{ToJson, object};
use crate::record::Record;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use frame::Kind;
use journal::{Journal, private, synchronise};
use ring::rand::{SecureRandom, SystemRandom};
use send::{Meaning, Reply, meaning, post};
use state::{Known, State};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use ureq::http::Uri;

const MAX_ATTEMPTS: u32 = 5; // to a round (OUT-2)
const TIMEOUT: Duration = Duration::from_secs(30);

type Sleep = Box<dyn Fn(Duration) -> io::Result<()> + Send + Sync>;

/// How an outbox sends.
pub struct Options {
    agent: ureq::Agent,
    timeout: Duration,
    sleep: Sleep,
}

impl Default for Options {
    fn default() -> Self {
        let sleep = |pause| {
            thread::sleep(pause);
            Ok(())
        };
        Self { agent: ureq::Agent::new_with_defaults(), timeout: TIMEOUT, sleep: Box::new(sleep) }
    }
}

impl Options {
    /// Sends by this agent: with roots of trust of one's own, or through a proxy. A redirect is never followed.
    #[must_use]
    pub fn agent(self, agent: ureq::Agent) -> Self {
        Self { agent, ..self }
    }

    /// Gives a request so much time, instead of 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Waits by this instead of a timer. Its error ends the round, so a pause can be cut short.
    #[must_use]
    pub fn sleep(self, sleep: impl Fn(Duration) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { sleep: Box::new(sleep), ..self }
    }
}

/// What is sent: the tenant it speaks for and the body, exactly as it is queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Its id in the outbox.
    pub id: u64,
    /// The tenant.
    pub tenant: String,
    /// The body.
    pub body: String,
}

/// A submission that the service refused for good, and the answer that says so (OUT-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What was refused.
    pub submission: Submission,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub answer: Vec<u8>,
}

/// What became of a round's submissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// So many outcomes are stored.
    pub acknowledged: usize,
    /// So many were refused for good.
    pub dead: usize,
    /// So many wait for the next round.
    pub postponed: usize,
}

/// A directory of submissions for one service. Threads may share it; one process at a time has it open.
pub struct Outbox {
    url: String,
    options: Options,
    round: Mutex<()>, // held by the one round of deliveries
    state: Mutex<State>,
    damage: Vec<Damage>,
    _lock: File, // the kernel frees it if the process dies
}

impl Outbox {
    /// Reads the outbox in a directory, which is made if there is none, and repairs what a crash left. Look at
    /// [`Outbox::damage`] and [`Outbox::unfinished`] afterwards: they say what may be lost.
    ///
    /// # Errors
    /// The disk fails, another process has it open, or a later version wrote it.
    pub fn open(directory: impl AsRef<Path>, url: &str) -> Result<Self, Error> {
        Self::open_with(directory, url, Options::default())
    }

    /// [`Outbox::open`], sending otherwise.
    ///
    /// # Errors
    /// The same.
    pub fn open_with(directory: impl AsRef<Path>, url: &str, options: Options) -> Result<Self, Error> {
        let url = format!("{}/v1/pcs/submit", url.trim_end_matches('/'));
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err(Error::unusable(format!("the service's address begins with http:// or https://, which {url:?} does not")));
        }
        let directory = std::path::absolute(directory)?;
        make_private(&directory)?;
        directory.parent().map_or(Ok(()), synchronise)?;
        let lock = private().write(true).create(true).truncate(false).open(directory.join("outbox.lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::unusable(format!("another process has the outbox {} open", directory.display())),
            TryLockError::Error(error) => error.into(),
        })?;
        let (journal, frames, damage) = Journal::open(&directory)?;
        let state = Mutex::new(State { journal, known: Known::of(&frames)? });
        Ok(Self { url, options, round: Mutex::default(), state, damage, _lock: lock })
    }

    /// Makes a signed record durable, exactly as it will be sent (OUT-1). Returns its id in the outbox.
    ///
    /// # Errors
    /// The record is not valid, the name is none of a tenant, or the disk fails.
    pub fn add(&self, tenant: &str, record: &Record) -> Result<u64, Error> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        if !(1..=64).contains(&tenant.len()) || !tenant.bytes().all(allowed) {
            let form = "1 to 64 letters, digits, dots, dashes and underscores";
            return Err(Error::unusable(format!("a tenant is called by {form}, not {tenant:?}")));
        }
        let payload = object(&[("tenant", &tenant), ("body", &record.encode()?)]);
        self.state().record(Kind::Queued, None, payload)
    }

    /// Notes that records of a source are added from here on. Until [`Outbox::end`] it is one of [`Outbox::unfinished`] (OUT-7).
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin(&self, source: &str) -> Result<(), Error> {
        self.state().record(Kind::Begun, None, source.to_json()).map(drop)
    }

    /// Notes that all records of a source were added.
    ///
    /// # Errors
    /// The disk fails.
    pub fn end(&self, source: &str) -> Result<(), Error> {
        self.state().record(Kind::Ended, None, source.to_json()).map(drop)
    }

    /// The sources that were begun and not ended: send them again, for what is stored already is a duplicate.
    pub fn unfinished(&self) -> Vec<String> {
        self.state().known.sources.iter().cloned().collect()
    }

    /// The corrupt ranges of the journal, each time it is opened, until the copy that holds them is removed (OUT-7). What was
    /// queued there is lost unless it is given again.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// What still waits, oldest first.
    pub fn pending(&self) -> Vec<Submission> {
        self.state().known.pending.values().cloned().collect()
    }

    /// What was refused for good, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().known.letters.values().cloned().collect()
    }

    /// Makes one round: sends each waiting submission until the service says what became of it, at most five times, with pauses.
    /// What is still unsettled is postponed to the next round.
    ///
    /// # Errors
    /// The round ends early if the disk fails, or the sleep of [`Options::sleep`].
    pub fn deliver(&self) -> Result<Summary, Error> {
        let _round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let mut summary = Summary::default();
        for submission in self.pending() {
            match self.deliver_one(&submission)? {
                Meaning::Acknowledged => summary.acknowledged += 1,
                Meaning::Refused => summary.dead += 1,
                Meaning::Nothing => summary.postponed += 1,
            }
        }
        Ok(summary)
    }

    fn deliver_one(&self, submission: &Submission) -> Result<Meaning, Error> {
        for attempt in 1.. {
            let reply = post(&self.options.agent, &self.url, self.options.timeout, submission);
            let said = meaning(&submission.body, &reply);
            match said {
                Meaning::Acknowledged => drop(self.state().record(Kind::Acknowledged, Some(submission.id), String::new())?),
                Meaning::Refused => drop(self.state().record(Kind::Dead, Some(submission.id), answer(&reply))?),
                Meaning::Nothing if attempt < MAX_ATTEMPTS => {
                    let seconds = pause(attempt, chance()?, reply.retry_after);
                    (self.options.sleep)(Duration::from_secs_f64(seconds))?; // an hour and a minute at most
                    continue;
                }
                Meaning::Nothing => {}
            }
            return Ok(said);
        }
        Ok(Meaning::Nothing)
    }

    /// No method panics while it changes the state, so a poisoned lock guards a sound one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(reply: &Reply) -> String {
    object(&[("status", &reply.status), ("body", &STANDARD.encode(&reply.body))])
}

/// A number drawn evenly from [0, 1).
fn chance() -> Result<f64, Error> {
    let mut raw = [0; 8];
    SystemRandom::new().fill(&mut raw).map_err(|_| Error::unusable("the system has no random numbers"))?;
    Ok((u64::from_le_bytes(raw) >> 11) as f64 / (1u64 << 53) as f64)
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}
