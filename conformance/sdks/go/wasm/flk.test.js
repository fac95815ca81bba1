import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { load, Refusal } from "./flk.js";

const flk = await load(await readFile(new URL("flk.wasm", import.meta.url)));

const POINTS = [
  [0.1, 0.2],
  [0.4, 0.8],
];
const RAW = new TextEncoder().encode("raw data");
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
/** RFC 8032, section 7.1, test 1. */
const SECRET = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const PUBLIC = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
const example = () => flk.summarise(POINTS, RAW, { shard_id: "s1", epoch: 1, seed: 7, sent_at: new Date(0) });
const refuses = (requirement) => (error) => error instanceof Refusal && error.requirement === requirement;

test("what is encoded is read back, integers of 64 bits included", () => {
  const record = {
    ...example(),
    seed: -(2n ** 63n),
    ft: { ...example().ft, clock_skew_ms: 2n ** 62n, fallbacks: ["a"] },
  };
  assert.deepEqual(flk.parse(flk.encode(record)), record);
  assert.throws(() => flk.encode({ ...record, seed: 2n ** 63n }), TypeError);
  assert.throws(() => flk.encode({ ...record, D_hat: 4 }), refuses("REC-5"));
});

test("a signature counts for the record, the tenant and the time that it was made for", () => {
  for (const algorithm of ["hmac-sha256", "ed25519"]) {
    const key = new flk.VerifyingKey(algorithm, algorithm === "ed25519" ? PUBLIC : SECRET);
    const record = { ...example(), sig: new flk.SigningKey(algorithm, SECRET).sign(example()) };
    const ring = new flk.Keyring({ us: [{ key, notBefore: new Date(1000), notAfter: new Date(2000) }], eu: [] });
    ring.authenticate("us", record, new Date(1000));
    const refused = [
      ["eu", record, 1000],
      ["us", record, 2000],
      ["us", record, 999],
      ["us", { ...record, budget: record.budget / 2 }, 1000],
    ];
    for (const [tenant, given, at] of refused) {
      assert.throws(() => ring.authenticate(tenant, given, new Date(at)), refuses("SIGN-6"));
    }
  }
});

test("what has no canonical form is refused by name", () => {
  const { shard_id, ...rest } = example();
  assert.equal(shard_id, "s1");
  assert.throws(() => flk.canonicalBytes({ ...rest, shard_id: "\ud800" }, "fixed9"), refuses("C14N-5"));
  assert.throws(() => flk.canonicalBytes({ ...rest, shard_id, r: Number.NaN }, "fixed9"), refuses("C14N-4"));
  assert.throws(() => flk.canonicalBytes({ ...rest, shard_id, N_j: {} }, "judged"), refuses("C14N-9"));
  assert.match(new TextDecoder().decode(flk.canonicalBytes({ ...rest, shard_id: "é" }, "fixed9")), /"shard_id":"é"/);
});

test("values of another type and unknown names are errors, and the SDK lives on", () => {
  assert.throws(() => flk.canonicalBytes({}, "fixed9"), TypeError);
  assert.throws(() => flk.merkleRoot(["text"]), TypeError);
  assert.throws(() => flk.canonicalBytes(example(), "old"), RangeError);
  assert.throws(() => new flk.SigningKey("rsa", RAW), RangeError);
  assert.throws(() => new flk.VerifyingKey("ed25519", new Uint8Array(32)), RangeError);
  assert.equal(flk.fixed9(0.5), "0.500000000");
});

test("proofs show what roots hold", () => {
  const leaves = flk.chunks(new Uint8Array(300));
  const root = flk.merkleRoot(leaves);
  assert.equal(leaves.length, 5);
  assert.ok(flk.verifyInclusion(leaves[3], 3, 5, flk.inclusionProof(leaves, 3), root));
  assert.ok(!flk.verifyInclusion(leaves[4], 3, 5, flk.inclusionProof(leaves, 3), root));
  const earlier = flk.merkleRoot(leaves.slice(0, 2));
  assert.ok(flk.verifyConsistency(2, 5, earlier, root, flk.consistencyProof(leaves, 2)));
  assert.throws(() => flk.inclusionProof(leaves, 5), refuses("MRK-2"));
});
