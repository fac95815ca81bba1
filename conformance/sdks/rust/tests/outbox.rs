//! What an outbox keeps, sends and tells.

mod common;

use common::example;
use flk::json::{ToJson, object};
use flk::outbox::{Options, Outbox, Summary};
use flk::parse;
use std::env::temp_dir;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const NOWHERE: &str = "http://127.0.0.1:9";
const MAX_ATTEMPTS: usize = 5;

/// A directory of one's own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = temp_dir().join(format!("flk-outbox-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("outbox.journal")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a service says to a body; nothing if it hangs up.
type Script = fn(&str) -> Option<(u16, String)>;

/// A service that answers each request by the next of its script, the last one again and again. Its URL, and what it was sent.
fn service(script: Vec<Script>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&bodies);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).expect("a line") > 2 {
                let (name, value) = line.split_once(':').unwrap_or_default();
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("a text");
            let answer = script[number.min(script.len() - 1)](&body);
            noted.lock().expect("a list").push(body); // first: who has the answer may ask what was sent
            if let Some((status, said)) = answer {
                let head = format!("HTTP/1.1 {status} Scripted\r\nRetry-After: 7\r\nConnection: close\r\nLocation: /elsewhere\r\n");
                let _ = write!(stream.get_mut(), "{head}Content-Length: {}\r\n\r\n{said}", said.len());
            }
        }
    });
    (url, bodies)
}

/// An outcome of the record that was sent, in which a member is said otherwise or left out.
fn outcome(body: &str, name: &str, otherwise: Option<&str>) -> String {
    let record = parse(body.as_bytes()).expect("a record");
    let digest = record.digest().expect("it is valid").to_string();
    let texts = [("pcs_id", record.pcs_id.as_str()), ("digest", &digest), ("timestamp", "01947e6f22000000"), ("region", "eu")];
    let more = [("reason", "ok"), ("error", "it says why"), ("requirement", "REC-1")];
    let said = |(member, value)| if member == name { otherwise.map(|value| (member, value)) } else { Some((member, value)) };
    let texts: Vec<(&str, &str)> = texts.into_iter().chain(more).filter_map(said).collect();
    let mut members: Vec<(&str, &dyn ToJson)> = texts.iter().map(|(member, value)| (*member, value as &dyn ToJson)).collect();
    members.extend([
        ("accepted", &true as &dyn ToJson),
        ("escalated", &false),
        ("recomputed_D_hat", &1.0),
        ("recomputed_budget", &0.5),
    ]);
    object(&members)
}

fn honest(body: &str) -> Option<(u16, String)> {
    Some((200, outcome(body, "", None)))
}

fn busy(body: &str) -> Option<(u16, String)> {
    Some((503, outcome(body, "", None)))
}

/// An outbox whose pauses take no time, and are noted.
fn open(directory: &Path, url: &str) -> (Outbox, Arc<Mutex<Vec<f64>>>) {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&pauses);
    let options = Options::default().sleep(move |pause| {
        noted.lock().expect("a list").push(pause.as_secs_f64());
        Ok(())
    });
    (Outbox::open_with(directory, url, options).expect("it opens"), pauses)
}

fn filled(directory: &Path, count: u64) -> Outbox {
    let (outbox, _) = open(directory, NOWHERE);
    for epoch in 0..count {
        outbox.add("default", &example(epoch)).expect("it is queued");
    }
    outbox
}

#[test]
fn only_an_answer_about_the_record_settles_it() {
    const ACKNOWLEDGED: Summary = Summary { acknowledged: 1, dead: 0, postponed: 0 };
    const DEAD: Summary = Summary { acknowledged: 0, dead: 1, postponed: 0 };
    const POSTPONED: Summary = Summary { acknowledged: 0, dead: 0, postponed: 1 };
    let cases: [(&str, Script, Summary); 20] = [
        ("accepted", honest, ACKNOWLEDGED),
        ("escalated", |body| Some((202, outcome(body, "", None))), ACKNOWLEDGED),
        ("equivocation", |body| Some((409, outcome(body, "digest", Some("0000")))), DEAD),
        ("malformed", |body| Some((400, outcome(body, "", None))), DEAD),
        ("not authentic", |body| Some((401, outcome(body, "", None))), DEAD),
        ("too large", |body| Some((413, outcome(body, "", None))), DEAD),
        ("portal", |_| Some((200, "<html>Please log in</html>".to_owned())), POSTPONED),
        ("no answer", |_| None, POSTPONED),
        ("overloaded", |body| Some((429, outcome(body, "", None))), POSTPONED),
        ("unavailable", busy, POSTPONED),
        ("wrong address", |body| Some((404, outcome(body, "", None))), POSTPONED),
        ("redirect", |body| Some((302, outcome(body, "", None))), POSTPONED),
        ("other content", |body| Some((200, outcome(body, "digest", Some("0000")))), POSTPONED),
        ("own content refused", |body| Some((409, outcome(body, "", None))), POSTPONED),
        ("other id", |body| Some((200, outcome(body, "pcs_id", Some("0")))), POSTPONED),
        ("no reason", |body| Some((200, outcome(body, "reason", None))), POSTPONED),
        ("no requirement", |body| Some((401, outcome(body, "requirement", None))), POSTPONED),
        ("a reason twice", |body| Some((200, outcome(body, "", None).replacen('{', r#"{"reason":"ok","#, 1))), POSTPONED),
        ("a long page", |body| Some((200, outcome(body, "", None) + &" ".repeat(1 << 20))), POSTPONED),
        ("endless nesting", |_| Some((200, "[".repeat(1 << 19))), POSTPONED),
    ];
    for (name, answer, expected) in cases {
        let (directory, (url, bodies)) = (Directory::new(), service(vec![answer]));
        let (outbox, pauses) = open(&directory.0, &url);
        outbox.add("default", &example(1)).expect("it is queued");
        assert_eq!(outbox.deliver().expect("a round"), expected, "{name}");
        assert_eq!((outbox.pending().len(), outbox.dead_letters().len()), (expected.postponed, expected.dead), "{name}");
        let attempts = if expected == POSTPONED { MAX_ATTEMPTS } else { 1 };
        assert_eq!(
            (bodies.lock().expect("a list").len(), pauses.lock().expect("a list").len()),
            (attempts, attempts - 1),
            "{name}"
        );
    }
}

#[test]
fn retry_after_is_honoured_on_top_of_the_jitter() {
    let (directory, (url, bodies)) = (Directory::new(), service(vec![busy, busy, honest]));
    let (outbox, pauses) = open(&directory.0, &url);
    outbox.add("default", &example(1)).expect("it is queued");
    assert_eq!(outbox.deliver().expect("a round").acknowledged, 1);
    let pauses = pauses.lock().expect("a list");
    assert!(matches!(**pauses, [first, second] if (7.0..8.0).contains(&first) && (7.0..9.0).contains(&second)), "{pauses:?}");
    let bodies = bodies.lock().expect("a list");
    assert_eq!(bodies[0], bodies[2]);
}

#[test]
fn a_journal_cut_anywhere_keeps_what_fits() {
    let directory = Directory::new();
    let outbox = filled(&directory.0, 0);
    let mut sizes = Vec::new();
    for epoch in 0..3 {
        outbox.add("default", &example(epoch)).expect("it is queued");
        sizes.push(fs::metadata(directory.journal()).expect("a file").len());
    }
    drop(outbox);
    let whole = fs::read(directory.journal()).expect("a file");
    for cut in (0..=whole.len()).step_by(29) {
        let again = Directory::new();
        fs::write(again.journal(), &whole[..cut]).expect("a file");
        let (outbox, _) = open(&again.0, NOWHERE);
        let fits = sizes.iter().filter(|&&size| size <= cut as u64).count();
        assert_eq!((outbox.pending().len(), outbox.damage()), (fits, &[][..]), "cut at {cut}");
    }
}

#[test]
fn no_bit_of_a_journal_flips_without_a_word() {
    let directory = Directory::new();
    let bodies: Vec<String> = filled(&directory.0, 3).pending().into_iter().map(|waiting| waiting.body).collect();
    let whole = fs::read(directory.journal()).expect("a file");
    let head_of_the_last = whole.len() - (whole.len() - 21) / 3; // a head and a sum of what has no payload, then three alike
    for byte in (0..whole.len()).step_by(61).chain(head_of_the_last..head_of_the_last + 17) {
        let again = Directory::new();
        let mut flipped = whole.clone();
        flipped[byte] ^= 1 << (byte % 8);
        fs::write(again.journal(), flipped).expect("a file");
        let (outbox, _) = open(&again.0, NOWHERE);
        let (pending, damage) = (outbox.pending(), outbox.damage());
        assert_eq!(damage.len(), 1, "byte {byte}");
        assert!(pending.len() >= 2 && pending.iter().all(|waiting| bodies.contains(&waiting.body)), "byte {byte}");
    }
}

#[test]
fn damage_is_told_until_its_copy_is_removed() {
    let directory = Directory::new();
    let outbox = filled(&directory.0, 3);
    outbox.begin("a.csv").expect("it is noted");
    outbox.begin("b.csv").expect("it is noted");
    outbox.end("b.csv").expect("it is noted");
    drop(outbox);
    let mut raw = fs::read(directory.journal()).expect("a file");
    let middle = raw.len() / 2; // in the second submission
    raw[middle] ^= 1;
    fs::write(directory.journal(), raw).expect("a file");
    for _ in 0..3 {
        let (outbox, _) = open(&directory.0, NOWHERE);
        assert_eq!((outbox.pending().len(), outbox.unfinished()), (2, vec!["a.csv".to_owned()]));
        let [damage] = outbox.damage() else { panic!("{:?}", outbox.damage()) };
        assert!(damage.offset <= middle && middle < damage.offset + damage.length);
        assert!(damage.file.starts_with(&directory.0) && damage.file != directory.journal());
    }
    let (outbox, _) = open(&directory.0, NOWHERE);
    fs::remove_file(&outbox.damage()[0].file).expect("a file");
    drop(outbox);
    assert_eq!(open(&directory.0, NOWHERE).0.damage(), &[]);
}

#[test]
fn an_outbox_is_open_once_and_its_ids_are_never_given_again() {
    let (directory, (url, _), mut last) = (Directory::new(), service(vec![honest]), 0);
    for epoch in 0..4 {
        let (outbox, _) = open(&directory.0, &url);
        assert!(Outbox::open(&directory.0, &url).is_err(), "two have it open");
        let id = outbox.add("default", &example(epoch)).expect("it is queued");
        assert!(id > last, "id {id} after {last}");
        last = id;
        assert_eq!(outbox.deliver().expect("a round").acknowledged, 1);
    }
}

#[test]
fn a_dead_letter_outlives_the_outbox_with_its_answer() {
    let (directory, (url, bodies)) = (Directory::new(), service(vec![|body| Some((401, outcome(body, "", None)))]));
    for _ in 0..3 {
        let (outbox, _) = open(&directory.0, &url);
        if bodies.lock().expect("a list").is_empty() {
            outbox.add("default", &example(1)).expect("it is queued");
        }
        outbox.deliver().expect("a round");
        let [letter] = &*outbox.dead_letters() else { panic!("{:?}", outbox.dead_letters()) };
        let sent = bodies.lock().expect("a list");
        assert_eq!((letter.status, &letter.submission.body, sent.len()), (401, &sent[0], 1));
        assert_eq!(letter.answer, outcome(&sent[0], "", None).into_bytes());
    }
}

#[test]
fn a_pause_that_fails_ends_the_round_and_nothing_is_lost() {
    let (directory, (url, _)) = (Directory::new(), service(vec![busy]));
    let options = Options::default().timeout(Duration::from_secs(5)).sleep(|_| Err(io::ErrorKind::Interrupted.into()));
    let outbox = Outbox::open_with(&directory.0, &url, options).expect("it opens");
    outbox.add("default", &example(1)).expect("it is queued");
    assert!(outbox.deliver().is_err());
    assert_eq!(outbox.pending().len(), 1);
}

#[test]
fn what_cannot_be_sent_is_not_queued() {
    let directory = Directory::new();
    assert!(Outbox::open(&directory.0, "flk.example:8080").is_err());
    let outbox = filled(&directory.0, 0);
    let mut invalid = example(1);
    invalid.epoch += 1;
    assert!(outbox.add("default", &invalid).is_err());
    for tenant in ["", "a b", "a\r\nX-Tenant-Id: b", &"a".repeat(65)] {
        assert!(outbox.add(tenant, &example(1)).is_err(), "{tenant:?}");
    }
    assert_eq!(outbox.pending(), []);
}
