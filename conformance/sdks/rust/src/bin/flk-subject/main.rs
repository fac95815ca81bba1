//! Answers the questions of the conformance kit: `flk conform sdk -- flk-subject`

use flk::json::{Bytes, ToJson, Value, object};
use flk::subject::{Hello, Named, Operation, Place, Real, SecretKey, Unchecked, keyring, moment, serve};
use flk::{Error, Profile};
use std::io::{stdin, stdout};

type Answer = Result<String, Error>;
type Leaves = Vec<Bytes>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("fixed9", |q| Ok(flk::fixed9(q.read::<Real>("x")?.0)?.to_json())),
    ("canonical", |q| Ok(q.read::<Unchecked>("record")?.0.canonical(profile(q)?)?.to_json())),
    ("sign", |q| Ok(q.read::<Unchecked>("record")?.0.signature(&*q.read::<SecretKey>("key")?.0, profile(q)?)?.to_json())),
    ("authenticate", authenticate),
    ("pcs_id", |q| Ok(flk::pcs_id(&q.read::<String>("merkle_root")?, q.read("epoch")?, &q.read::<String>("shard_id")?).to_json())),
    ("validate", validate),
    ("content_digest", |q| Ok(q.read::<Unchecked>("record")?.0.digest()?.to_json())),
    ("judge", |q| Ok(flk::judge(&q.read::<Unchecked>("record")?.0)?.to_json())),
    ("d_hat", |q| Ok(flk::round9(flk::slope(&q.read::<Vec<u32>>("scales")?, &q.read::<Vec<u64>>("counts")?)?).to_json())),
    ("regime", |q| Ok(flk::Regime::of(q.read("D_hat")?, q.read("coh_star")?).to_json())),
    ("budget", |q| Ok(flk::round9(flk::budget(q.read("D_hat")?, q.read("coh_star")?, q.read("r")?)).to_json())),
    ("coherence", coherence),
    ("compressibility", |q| Ok(flk::round9(flk::compressibility(q.read::<Bytes>("raw")?.as_ref())).to_json())),
    ("count_cells", |q| Ok(flk::count_cells(&q.read::<Vec<Vec<f64>>>("points")?, &q.read::<Vec<u32>>("scales")?)?.to_json())),
    ("merkle_root", |q| Ok(flk::merkle_root(&q.read::<Leaves>("leaves")?).to_json())),
    ("data_root", |q| Ok(flk::merkle_root(&flk::chunks(q.read::<Bytes>("raw")?.as_ref())).to_json())),
    ("legacy_root", |q| Ok(flk::legacy_root(&q.read::<Leaves>("leaves")?).to_json())),
    ("inclusion_proof", |q| Ok(flk::inclusion_proof(&q.read::<Leaves>("leaves")?, q.read::<Place>("index")?.0)?.to_json())),
    ("consistency_proof", |q| Ok(flk::consistency_proof(&q.read::<Leaves>("leaves")?, q.read::<Place>("first")?.0)?.to_json())),
    ("verify_inclusion", |q| {
        let (leaf, proof): (Bytes, Vec<_>) = (q.read("leaf")?, q.read("proof")?);
        let (Place(index), Place(size)) = (q.read("index")?, q.read("size")?);
        Ok(flk::verify_inclusion(leaf.as_ref(), index, size, &proof, &q.read("root")?).to_json())
    }),
    ("verify_consistency", |q| {
        let (Place(first), Place(second), proof): (_, _, Vec<_>) = (q.read("first")?, q.read("second")?, q.read("proof")?);
        Ok(flk::verify_consistency(first, second, &q.read("first_root")?, &q.read("second_root")?, &proof).to_json())
    }),
    ("pause", |q| {
        let asked = q.read_if_any("retry_after")?.unwrap_or_default();
        Ok(flk::outbox::pause(q.read("attempt")?, q.read("chance")?, asked).to_json())
    }),
];

fn profile(q: Value<'_>) -> Result<Profile, Error> {
    q.read::<Named<Profile>>("profile").map(|profile| profile.0)
}

fn authenticate(q: Value<'_>) -> Answer {
    let Unchecked(mut record) = q.read("record")?;
    record.sig = q.read("sig")?;
    keyring(q)?.authenticate(&q.read::<String>("tenant")?, &record, moment(q.read("at")?)?)?;
    Ok(true.to_json())
}

fn validate(q: Value<'_>) -> Answer {
    let (text, raw): (Option<String>, Option<Bytes>) = (q.read_if_any("body")?, q.read_if_any("body_base64")?);
    flk::parse(&[text.unwrap_or_default().into_bytes(), raw.unwrap_or_default().0].concat())?;
    Ok(true.to_json())
}

fn coherence(q: Value<'_>) -> Answer {
    let found = flk::coherence(&q.read::<Vec<Vec<f64>>>("points")?, q.read("dimensions")?, q.read("seed")?)?;
    let direction: Vec<f64> = found.direction.into_iter().map(flk::round9).collect();
    Ok(object(&[("coh_star", &flk::round9(found.share)), ("v_star", &direction)]))
}

const POLICIES: &str =
    "policies policy policy_mistakes earlier_policy_digest sign_policy authenticate_policy judging_policy policy_share";

fn main() -> std::io::Result<()> {
    let reasons = [
        ("a matter of nodes, not of agents and verifiers", "hlc_tick hlc_observe join frame scan verify_segment ring_owner node"),
        ("records whose seed is drawn are not made or read here yet", "vrf vrf_prove vrf_verify vrf_seed"),
        ("the logs of auditors are not read here", "tlog note_signature checkpoint tiles"),
        ("records are judged by the default policy alone here", POLICIES),
    ];
    let declined: Vec<_> = reasons.iter().flat_map(|(why, names)| names.split(' ').map(|name| (name, *why))).collect();
    let hello = Hello { name: "flk-sdk", version: env!("CARGO_PKG_VERSION"), declined: &declined };
    serve(stdin().lock(), stdout().lock(), &hello, OPERATIONS)
}
