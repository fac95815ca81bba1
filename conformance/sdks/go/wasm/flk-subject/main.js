/** Answers the questions of the conformance kit: `flk conform sdk -- flk conform browser --root . flk-subject/main.js` */
import { load, Refusal } from "../flk.js";

const flk = await load(fetch(new URL("../flk.wasm", import.meta.url)));

const raw = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
/** A text that UTF-8 cannot carry is a list of UTF-16 units. */
const text = (given) => (Array.isArray(given) ? String.fromCharCode(...given) : given);
const record = (given) => ({
  ...given,
  ...Object.fromEntries(["D_hat", "budget", "coh_star", "r"].map((name) => [name, Number(given[name])])),
  ...Object.fromEntries(["merkle_root", "pcs_id", "shard_id"].map((name) => [name, text(given[name])])),
});
const moment = (seconds) => (seconds === undefined ? seconds : new Date(seconds * 1000));

/** The live keys of a tenant; one that the SDK refuses verifies nothing. */
function live({ algorithm, key, not_before, not_after }) {
  try {
    const bounds = { notBefore: moment(not_before), notAfter: moment(not_after) };
    return [{ key: new flk.VerifyingKey(algorithm, raw(key)), ...bounds }];
  } catch {
    return [];
  }
}

const OPERATIONS = {
  fixed9: (q) => flk.fixed9(Number(q.x)),
  canonical: (q) => new TextDecoder().decode(flk.canonicalBytes(record(q.record), q.profile)),
  sign: (q) => new flk.SigningKey(q.key.algorithm, raw(q.key.secret)).sign(record(q.record), q.profile),
  authenticate: (q) => {
    const keys = Object.fromEntries(Object.entries(q.keys).map(([tenant, keys]) => [tenant, keys.flatMap(live)]));
    new flk.Keyring(keys, q.profiles).authenticate(q.tenant, { ...record(q.record), sig: q.sig }, moment(q.at));
    return true;
  },
  pcs_id: (q) => flk.pcsId(q.merkle_root, q.epoch, q.shard_id),
  validate: (q) => Boolean(flk.parse(q.body_base64 ? raw(q.body_base64) : new TextEncoder().encode(q.body))),
  content_digest: (q) => flk.contentDigest(q.record),
  judge: (q) => flk.judge(q.record),
  d_hat: (q) => flk.round9(flk.slope(q.scales, q.counts)),
  regime: (q) => flk.regime(q.D_hat, q.coh_star),
  budget: (q) => flk.round9(flk.budget(q.D_hat, q.coh_star, q.r)),
  coherence: (q) => {
    const { coh_star, v_star } = flk.coherence(q.points, q.dimensions, q.seed);
    return { coh_star: flk.round9(coh_star), v_star: v_star.map((x) => flk.round9(x)) };
  },
  compressibility: (q) => flk.round9(flk.compressibility(raw(q.raw))),
  count_cells: (q) => flk.countCells(q.points, q.scales),
  merkle_root: (q) => flk.merkleRoot(q.leaves.map(raw)),
  data_root: (q) => flk.merkleRoot(flk.chunks(raw(q.raw))),
  legacy_root: (q) => flk.legacyRoot(q.leaves.map(raw)),
  inclusion_proof: (q) => flk.inclusionProof(q.leaves.map(raw), q.index),
  verify_inclusion: (q) => flk.verifyInclusion(raw(q.leaf), q.index, q.size, q.proof, q.root),
  consistency_proof: (q) => flk.consistencyProof(q.leaves.map(raw), q.first),
  verify_consistency: (q) => flk.verifyConsistency(q.first, q.second, q.first_root, q.second_root, q.proof),
};

const DECLINED = {
  zlib: "Go's standard library writes deflate of its own",
  pause: "the outbox is that of the SDK for TypeScript",
};
const REASONS = {
  "a matter of nodes, not of agents and verifiers":
    "hlc_tick hlc_observe join frame scan verify_segment ring_owner node",
  "records whose seed is drawn are not made or read here yet": "vrf vrf_prove vrf_verify vrf_seed",
  "the logs of auditors are not read here": "tlog note_signature checkpoint tiles",
  "records are judged by the default policy alone here":
    "policies policy policy_mistakes earlier_policy_digest sign_policy authenticate_policy judging_policy policy_share",
};
for (const [why, names] of Object.entries(REASONS)) for (const name of names.split(" ")) DECLINED[name] = why;
const about = { protocol: 1, name: "flk-sdk", version: "0.1", language: "WebAssembly" };
const HELLO = { ...about, operations: Object.keys(OPERATIONS), declined: DECLINED };

/** The answer to a line of the kit. */
export function answer(line) {
  const { hello, bye, run, operation, input } = JSON.parse(line);
  if (hello || bye) return JSON.stringify(hello ? { hello: HELLO } : { bye });
  try {
    return JSON.stringify({ seq: run, value: OPERATIONS[operation](input) });
  } catch (error) {
    const refused = { seq: run, error: error.requirement, field: error.field };
    return JSON.stringify(error instanceof Refusal ? refused : { seq: run, crash: String(error) });
  }
}
