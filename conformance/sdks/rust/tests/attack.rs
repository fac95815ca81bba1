//! Bodies that an enemy would send: each is refused by name, and none brings the reader down.

mod common;
mod draws;

use common::example;
use draws::Draws;
use flk::{Profile, Record, parse};
use std::thread;

/// A valid body in which one text is replaced by another.
fn with(old: &str, new: &str) -> String {
    let body = example(1).encode().expect("it is valid");
    assert!(body.contains(old), "{body} has no {old}");
    body.replacen(old, new, 1)
}

fn said(body: impl AsRef<[u8]>) -> Option<(&'static str, Option<String>)> {
    parse(body.as_ref()).err().map(|refusal| (refusal.requirement, refusal.field))
}

fn refused(requirement: &'static str, field: &str) -> Option<(&'static str, Option<String>)> {
    Some((requirement, (!field.is_empty()).then(|| field.to_owned())))
}

#[test]
fn nesting_takes_no_stack() {
    let attack = || {
        const DEPTH: usize = 1_000_000;
        let lists = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
        let objects = r#"{"a":"#.repeat(DEPTH) + "0" + &"}".repeat(DEPTH);
        assert_eq!(said(&lists), refused("REC-1", ""));
        assert_eq!(said(&objects), refused("REC-3", "a"));
        for deep in [lists, objects] {
            assert_eq!(said(with(r#""v_star":["#, &format!(r#""v_star":[{deep},"#))), refused("REC-8", "v_star"));
            assert_eq!(said(with("{", &format!(r#"{{"odd":{deep},"#))), refused("REC-3", "odd"));
        }
        assert_eq!(said("[".repeat(DEPTH)), refused("REC-1", ""));
        assert_eq!(said(r#"{"a":"#.repeat(DEPTH)), refused("REC-1", ""));
    };
    thread::Builder::new().stack_size(1 << 17).spawn(attack).expect("a thread").join().expect("it stands");
}

#[test]
fn numbers_are_taken_for_what_they_are() {
    for (epoch, expected) in [
        ("-0", refused("ID-1", "pcs_id")), // it is an epoch: of another id
        ("9007199254740991", refused("ID-1", "pcs_id")),
        ("9007199254740992", refused("ID-4", "epoch")),
        ("18446744073709551616", refused("ID-4", "epoch")),
        ("340282366920938463463374607431768211457", refused("ID-4", "epoch")),
        ("-1", refused("ID-4", "epoch")),
        ("1.0", refused("ID-4", "epoch")),
        ("1e0", refused("ID-4", "epoch")),
        ("\"1\"", refused("ID-4", "epoch")),
        ("01", refused("REC-1", "")),
        ("+1", refused("REC-1", "")),
        ("1.", refused("REC-1", "")),
        (".5", refused("REC-1", "")),
        ("-", refused("REC-1", "")),
        ("1e", refused("REC-1", "")),
        ("NaN", refused("REC-1", "")),
        ("Infinity", refused("REC-1", "")),
        ("0x1", refused("REC-1", "")),
        ("１", refused("REC-1", "")),
    ] {
        assert_eq!(said(with(r#""epoch":1"#, &format!(r#""epoch":{epoch}"#))), expected, "{epoch}");
    }
    for (seed, valid) in [
        ("9223372036854775807", true),
        ("-9223372036854775808", true),
        ("9223372036854775808", false),
        ("-9223372036854775809", false),
    ] {
        let expected = if valid { None } else { refused("REC-8", "seed") };
        assert_eq!(said(with(r#""seed":7"#, &format!(r#""seed":{seed}"#))), expected, "{seed}");
    }
    let r = |r: &str| with(r#""r":1.0"#, &format!(r#""r":{r}"#));
    for valid in ["1.00000000000000001", "-0", "-0.0", "1e-400", &format!("0.{}1", "0".repeat(100_000))] {
        assert_eq!(said(r(valid)), None, "{valid:.30}");
    }
    for beyond in ["1.0000000000000003", "1e400", "-1e400", &"9".repeat(100_000), "-1e-320", "null", "true", "[1]"] {
        assert_eq!(said(r(beyond)), refused("REC-5", "r"), "{beyond:.30}");
    }
    assert_eq!(said(with(r#""v_star":["#, r#""v_star":[1e400,"#)), refused("REC-8", "v_star"));
}

#[test]
fn minus_zero_is_signed_as_zero() {
    let zero: Record = parse(with(r#""r":1.0"#, r#""r":0"#).as_bytes()).expect("it is valid");
    let minus: Record = parse(with(r#""r":1.0"#, r#""r":-0.0"#).as_bytes()).expect("it is valid");
    for profile in [Profile::Fixed9, Profile::Judged, Profile::Shortest] {
        assert_eq!(zero.canonical(profile), minus.canonical(profile));
    }
}

#[test]
fn texts_are_unicode_and_keys_come_once() {
    let version = |version: &str| with(r#""version":"0.1""#, &format!(r#""version":"{version}""#));
    for valid in ["\\ud83d\\ude00", "\\u0000", "\u{7f}", "\\/", &"😀".repeat(128)] {
        assert_eq!(said(version(valid)), None, "{valid}");
    }
    let ill = ["\\ud83d", "\\ude00\\ud83d", "\\ud83d\\u0041", "\\ud83dx", "\\u12g4", "\\u+123", "\\x41", "\\", "\n", "\\ud83d\\"];
    for ill in ill {
        assert_eq!(said(version(ill)), refused("REC-1", ""), "{ill}");
    }
    assert_eq!(said(version(&"😀".repeat(129))), refused("REC-4", "version"));
    for raw in [&b"\xff"[..], b"\xed\xa0\xbd", b"\xc0\x80", b"\xef\xbb\xbf{}", b"{} {}", b"", b"null", b"[]", b"{", b"{\"a\""] {
        assert_eq!(said(raw), refused("REC-1", ""), "{raw:x?}");
    }
    assert_eq!(said(with("{", r#"{"epo\u0063h":1,"#)), refused("REC-2", "epoch"));
    assert_eq!(said(with(r#""ft":{"#, r#""ft":{"degraded":true,"#)), refused("REC-2", "degraded"));
    assert_eq!(said(with(r#""N_j":{"#, r#""N_j":{"2":1,"#)), refused("REC-2", "2"));
    assert_eq!(said(with(r#""N_j":{"2""#, r#""N_j":{"02""#)), refused("REC-7", "N_j"));
    assert_eq!(said(with(r#""N_j":{"#, r#""N_j":{"3":1,"#)), refused("REC-7", "N_j"));
    assert_eq!(said(with(r#""epoch""#, r#""Epoch""#)), refused("REC-3", "Epoch"));
}

#[test]
fn arbitrary_bytes_are_refused_and_never_panic() {
    let (body, mut draws) = (example(1).encode().expect("it is valid").into_bytes(), Draws::new(3));
    for _ in 0..20_000 {
        let mut spoilt = body.clone();
        for _ in 0..=draws.below(4) {
            let at = draws.below(spoilt.len());
            spoilt[at] = draws.bits() as u8;
        }
        spoilt.truncate(draws.below(2 * body.len()));
        if let Ok(record) = parse(&spoilt) {
            assert_eq!(record.encode().map(|again| parse(again.as_bytes())), Ok(Ok(record.clone())));
        }
    }
}
