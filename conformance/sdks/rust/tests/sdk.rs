//! What the SDK computes, signs and proves.

mod common;
mod draws;

use common::example;
use draws::Draws;
use flk::{
    Algorithm, Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, Profile, Reason, Regime, Signer, Verifier,
    consistency_proof, fixed9, inclusion_proof, judge, merkle_root, parse, text_of_utf16, verify_consistency, verify_inclusion,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// C14N-2 by integers: the nearest billionth, ties to even, of a double below 2^60.
fn rounded_exactly(x: f64) -> String {
    let bits = x.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i32, i128::from(bits & ((1 << 52) - 1)));
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let scaled = mantissa * 1_000_000_000;
    let billionths = match exponent {
        0.. => scaled << exponent,
        -126..0 => {
            let (floor, rest, half) = (scaled >> -exponent, scaled & ((1 << -exponent) - 1), 1i128 << (-exponent - 1));
            floor + i128::from(rest > half || rest == half && floor & 1 == 1)
        }
        _ => 0,
    };
    let sign = if x < 0.0 && billionths > 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000)
}

#[test]
fn reals_are_the_nearest_decimal_ties_to_even() {
    let mut draws = Draws::new(1);
    for _ in 0..20_000 {
        let odd = draws.bits() as i16;
        let tie = f64::from(odd) / f64::from(1 << (10 + draws.below(4))); // odd multiples end in a 5 beyond the ninth digit
        let any = f64::from_bits(draws.bits());
        let near = f64::from_bits(((f64::from(odd) + 0.5) / 1e9).to_bits() ^ draws.bits() & 3);
        for x in [tie, any, near, -0.0].into_iter().filter(|x| x.abs() < 1e18) {
            assert_eq!(fixed9(x), Ok(rounded_exactly(x)), "{x:e}");
        }
    }
}

#[test]
fn what_has_no_canonical_form_is_refused_by_name() {
    let mut record = example(1);
    record.counts.remove(&2);
    assert_eq!(record.canonical(Profile::Judged).unwrap_err().requirement, "C14N-9");
    assert!(record.canonical(Profile::Fixed9).is_ok());
    let mut record = example(1);
    record.r = f64::NAN;
    assert_eq!(record.canonical(Profile::Fixed9).unwrap_err().requirement, "C14N-4");
    assert_eq!(record.encode().unwrap_err().requirement, "REC-5");
    assert_eq!(text_of_utf16(&[0x61, 0xd800]).unwrap_err().requirement, "C14N-5");
    assert_eq!(text_of_utf16(&[0xd83d, 0xde00]), Ok("😀".to_owned()));
}

#[test]
fn encoded_records_are_read_back() {
    let mut record = example(1);
    record.version = "quote \" backslash \\ control \u{1} line \u{2028} 😀".to_owned();
    record.v_star = vec![1e300, -5e-324, 0.1];
    let body = record.encode().expect("it is valid");
    assert_eq!(parse(body.as_bytes()), Ok(record));
}

#[test]
fn no_bit_of_a_body_changes_its_content_unseen() {
    let (mut record, mut ring) = (example(1), Keyring::default());
    record.sign(&HmacKey::new(b"secret").expect("a secret")).expect("it has a form");
    ring.keys.insert("default".to_owned(), vec![LiveKey::new(HmacKey::new(b"secret").expect("a secret"))]);
    ring.profiles = vec![Profile::Judged];
    let (body, digest) = (record.encode().expect("it is valid"), record.digest());
    let mut counted = 0;
    for bit in 0..8 * body.len() {
        let mut flipped = body.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(other) = parse(&flipped) else { continue };
        if ring.authenticate("default", &other, SystemTime::now()).is_ok() {
            assert_eq!(other.digest(), digest, "bit {bit}: another content under the signature");
            counted += 1;
        }
    }
    assert!(counted > 0, "flips in what is not signed count");
}

#[test]
fn a_key_counts_in_its_window_and_for_its_tenant() {
    let key = |secret: &[u8]| Algorithm::HmacSha256.verifier(secret).expect("a secret");
    let (start, end) = (UNIX_EPOCH + Duration::from_secs(100), UNIX_EPOCH + Duration::from_secs(200));
    let old = LiveKey { key: key(b"old"), not_before: Some(start), not_after: Some(end) };
    let another = LiveKey { key: key(b"another"), not_before: None, not_after: None };
    let mut ring = Keyring::default();
    ring.keys.insert("a".to_owned(), vec![another, old]);
    let mut record = example(1);
    record.sign(&HmacKey::new(b"old").expect("a secret")).expect("it has a form");
    let instant = Duration::from_nanos(1);
    for (at, counts) in [(start, true), (end - instant, true), (start - instant, false), (end, false)] {
        assert_eq!(ring.authenticate("a", &record, at).is_ok(), counts, "{at:?}");
    }
    assert!(ring.authenticate("b", &record, start).is_err(), "another tenant's key counts");
    let sig = record.sig.clone();
    for respelt in ["", sig.trim_end_matches('='), &format!("{sig}\n"), &format!(" {sig}"), &format!("{sig}====")] {
        record.sig = respelt.to_owned();
        let refusal = ring.authenticate("a", &record, start).expect_err(respelt);
        assert_eq!((refusal.requirement, refusal.field.as_deref()), ("SIGN-6", Some("sig")));
    }
}

#[test]
fn keys_that_cannot_count_are_refused() {
    assert!(HmacKey::new(b"").is_err());
    assert!(Ed25519PrivateKey::new(&[7; 31]).is_err());
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [&[0; 32], &one, &[0xff; 32]] {
        assert!(Ed25519PublicKey::new(weak).is_err(), "{weak:x?} is taken for a key");
    }
    let key = Ed25519PrivateKey::new(&[7; 32]).expect("a seed");
    let public = Ed25519PublicKey::new(key.public()).expect("a key");
    let signature = key.sign(b"m");
    assert!(public.verifies(b"m", &signature) && !public.verifies(b"n", &signature));
    for bit in 0..8 * signature.len() {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!public.verifies(b"m", &flipped), "bit {bit}");
    }
}

#[test]
fn every_leaf_and_every_beginning_has_its_proof_and_no_other() {
    let mut draws = Draws::new(2);
    for size in 1..=70usize {
        let leaves: Vec<[u8; 8]> = (0..size as u64).map(u64::to_be_bytes).collect();
        let (root, index, first) = (merkle_root(&leaves), draws.below(size), 1 + draws.below(size));
        let proof = inclusion_proof(&leaves, index).expect("there is such a leaf");
        assert!(verify_inclusion(&leaves[index], index, size, &proof, &root), "leaf {index} of {size}");
        assert!(!verify_inclusion(b"other", index, size, &proof, &root), "leaf {index} of {size}");
        assert!(!verify_inclusion(&leaves[index], index + 1, size, &proof, &root), "leaf {index} of {size}");
        let is_taken = verify_inclusion(&leaves[index], index, 2 * size, &proof, &root);
        assert!(!(size.is_power_of_two() && is_taken), "leaf {index} of {size}, said to be of more");
        let (growth, before) = (consistency_proof(&leaves, first).expect("it has such a beginning"), merkle_root(&leaves[..first]));
        assert!(verify_consistency(first, size, &before, &root, &growth), "{first} of {size}");
        assert!(first == size || !verify_consistency(first, size, &root, &before, &growth), "{first} of {size}");
    }
    assert_eq!(inclusion_proof(&[b"a"], 1).unwrap_err().requirement, "MRK-2");
    assert_eq!(consistency_proof(&[b"a"], 0).unwrap_err().requirement, "MRK-3");
}

#[test]
fn an_honest_record_is_accepted() {
    let outcome = judge(&example(1)).expect("it is valid");
    assert!(outcome.accepted && !outcome.escalated);
}

#[test]
fn a_deviation_is_judged_by_its_tolerance() {
    let mut record = example(1);
    let judged = judge(&record).expect("it is valid");
    for (off, accepted) in [(0.15, true), (0.150_000_001, false)] {
        record.d_hat = judged.recomputed_d_hat + off;
        assert_eq!(judge(&record).expect("it is valid").accepted, accepted, "{off}");
    }
    let mut record = example(1);
    for (off, reason) in [(0.01, Reason::Ok), (0.010_000_001, Reason::BudgetDeviation)] {
        record.budget = judged.recomputed_budget + off;
        assert_eq!(judge(&record).expect("it is valid").reason, reason, "{off}");
    }
    record.regime = Regime::NonSticky;
    assert_eq!(judge(&record).expect("it is valid").reason, Reason::RegimeMismatch);
}
