/** The answers to the questions of the conformance kit, wherever the SDK runs. */
import * as flk from "../index.js";
import { answering, type Operations } from "./answering.js";
import { keysOf, raw, record } from "./forms.js";

const OPERATIONS: Operations = {
  fixed9: (q) => flk.fixed9(Number(q.x)),
  canonical: (q) => new TextDecoder().decode(flk.canonicalBytes(record(q.record), q.profile)),
  sign: async (q) => flk.sign(await flk.signingKey(q.key.algorithm, raw(q.key.secret)), record(q.record), q.profile),
  authenticate: async (q) =>
    flk.authenticate(await keysOf(q.keys), q.tenant, record(q.record), q.sig, q.at, q.profiles).then(() => true),
  pcs_id: (q) => flk.pcsId(q.merkle_root, q.epoch, q.shard_id),
  validate: (q) => flk.parse(q.body_base64 ? raw(q.body_base64) : flk.utf8(q.body)).then(() => true),
  content_digest: (q) => flk.contentDigest(q.record),
  judge: (q) => flk.judge(q.record),
  d_hat: (q) => flk.round9(flk.slope(q.scales, q.counts)),
  regime: (q) => flk.regime(q.D_hat, q.coh_star),
  budget: (q) => flk.round9(flk.budget(q.D_hat, q.coh_star, q.r)),
  coherence: (q) => {
    const { coh_star, v_star } = flk.coherence(q.points, q.dimensions, q.seed);
    return { coh_star: flk.round9(coh_star), v_star: v_star.map(flk.round9) };
  },
  compressibility: async (q) => flk.round9(await flk.compressibility(raw(q.raw))),
  count_cells: (q) => flk.countCells(q.points, q.scales),
  merkle_root: async (q) => flk.hex(await flk.merkleRoot(q.leaves.map(raw))),
  data_root: async (q) => flk.hex(await flk.merkleRoot(flk.chunks(raw(q.raw)))),
  legacy_root: (q) => flk.legacyRoot(q.leaves.map(raw)),
  inclusion_proof: async (q) => (await flk.inclusionProof(q.leaves.map(raw), q.index)).map(flk.hex),
  verify_inclusion: (q) => flk.verifyInclusion(raw(q.leaf), q.index, q.size, q.proof.map(flk.unhex), flk.unhex(q.root)),
  consistency_proof: async (q) => (await flk.consistencyProof(q.leaves.map(raw), q.first)).map(flk.hex),
  verify_consistency: (q) => {
    const [first, second] = [flk.unhex(q.first_root), flk.unhex(q.second_root)];
    return flk.verifyConsistency(q.first, q.second, first, second, q.proof.map(flk.unhex));
  },
  pause: (q) => flk.pause(q.attempt, q.chance, q.retry_after ?? 0),
};

/** Some platforms write a deflate of their own: of these 3,000 bytes zlib makes 1,095. */
const PROBE = Uint8Array.from({ length: 3000 }, (_, i) => (i * i) % 1009);
const ZLIB =
  (await flk.compressibility(PROBE)) === 1095 / 3000 ? [] : [["zlib", "this platform writes a deflate of its own"]];
const NODES = ["hlc_tick", "hlc_observe", "join", "frame", "scan", "verify_segment", "ring_owner", "node"];
const DRAWN = ["vrf", "vrf_prove", "vrf_verify", "vrf_seed"];
const LOGS = ["tlog", "note_signature", "checkpoint", "tiles"];
const POLICIES = ["policies", "policy", "policy_mistakes", "earlier_policy_digest"];
const VOUCHED = ["sign_policy", "authenticate_policy", "judging_policy", "policy_share"];
const HELLO = {
  protocol: 1,
  name: "flk-sdk",
  version: flk.VERSION,
  language: "TypeScript",
  declined: Object.fromEntries([
    ...ZLIB,
    ...NODES.map((name) => [name, "a matter of nodes, not of agents and verifiers"]),
    ...DRAWN.map((name) => [name, "records whose seed is drawn are not made or read here yet"]),
    ...LOGS.map((name) => [name, "the logs of auditors are not read here"]),
    ...[...POLICIES, ...VOUCHED].map((name) => [name, "records are judged by the default policy alone here"]),
  ]),
};

/** The answer to a line of the kit; a page's own subject: `flk conform browser --root dist/src dist/src/flk-subject/subject.js` */
export const answer = answering(HELLO, OPERATIONS);
