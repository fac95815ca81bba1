import assert from "node:assert/strict";
import { test } from "node:test";
import * as flk from "../src/index.js";

const ABOUT = { shard_id: "s1", epoch: 1, seed: 7, sent_at: new Date(0) };
const POINTS = [
  [0.1, 0.2],
  [0.4, 0.8],
];
const example = () => flk.summarise(POINTS, flk.utf8("raw data"), ABOUT);
const refuses = (requirement: string) => (error: unknown) =>
  error instanceof flk.Refusal && error.requirement === requirement;

/** C14N-2 on decimal digits: `toFixed` shows every digit of a number with at most 80 binary places. */
function roundedExactly(x: number): string {
  const [whole = "", places = ""] = Math.abs(x).toFixed(80).split(".");
  const kept = BigInt(whole + places.slice(0, 9));
  const rest = places.slice(9);
  const half = `5${"0".repeat(rest.length - 1)}`;
  const rounded = rest > half || (rest === half && kept % 2n === 1n) ? kept + 1n : kept;
  const digits = String(rounded).padStart(10, "0");
  const sign = x < 0 && rounded > 0n ? "-" : "";
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

test("reals are the nearest decimal, ties to even", () => {
  for (let i = 1; i <= 3000; i += 1) {
    const tie = (i * 2 - 3001) / 2 ** (10 + (i % 4));
    const near = (Math.round(Math.random() * 4e9) + 0.5) / 1e9;
    const any = (Math.random() - 0.5) * 2 ** Math.floor(Math.random() * 60 - 25);
    for (const x of [tie, near, any]) assert.equal(flk.fixed9(x), roundedExactly(x), String(x));
  }
  assert.equal(flk.fixed9(-0), "0.000000000");
  assert.equal(flk.fixed9(-5e-324), "0.000000000");
  assert.throws(() => flk.fixed9(Number.NaN), refuses("C14N-4"));
});

test("what is encoded is read back, integers of 64 bits included", async () => {
  const record = { ...(await example()), seed: -(2n ** 63n), version: '"seed":0' };
  assert.deepEqual(await flk.parse(flk.encode(record)), record);
});

test("no bit of a body changes its content unseen", async () => {
  const record = await flk.signed(await example(), await flk.signingKey("hmac-sha256", flk.utf8("secret")));
  const keys: flk.Keys = new Map([["a", [{ key: await flk.verifyingKey("hmac-sha256", flk.utf8("secret")) }]]]);
  const body = flk.encode(record);
  const digest = await flk.contentDigest(record);
  for (let at = 0; at < 8 * body.length; at += 13) {
    const flipped = body.slice();
    flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
    try {
      const other = await flk.parse(flipped);
      await flk.authenticate(keys, "a", other, other.sig, 0, ["judged"]);
      assert.equal(await flk.contentDigest(other), digest, `bit ${at}`);
    } catch (error) {
      if (!(error instanceof flk.Refusal)) throw error;
    }
  }
});

test("a key counts in its window and for its tenant, and a signature has one spelling", async () => {
  const seed = new Uint8Array(32).fill(7);
  const { sig, ...record } = await flk.signed(await example(), await flk.signingKey("hmac-sha256", seed));
  const key = await flk.verifyingKey("hmac-sha256", seed);
  const keys: flk.Keys = new Map([["a", [{ key, notBefore: 100, notAfter: 200 }]]]);
  await flk.authenticate(keys, "a", record, sig, 100);
  await flk.authenticate(keys, "a", record, sig, 199.999);
  for (const [tenant, at] of [
    ["a", 99.999],
    ["a", 200],
    ["b", 150],
  ] as const) {
    await assert.rejects(flk.authenticate(keys, tenant, record, sig, at), refuses("SIGN-6"));
  }
  for (const spelt of ["", sig.slice(0, -1), `${sig}\n`, `${sig}====`, sig.replace("=", "")]) {
    await assert.rejects(flk.authenticate(keys, "a", record, spelt, 150), refuses("SIGN-6"));
  }
});

test("public keys of small order are refused", async () => {
  for (const y of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(32).fill(255)]) {
    await assert.rejects(flk.verifyingKey("ed25519", y), TypeError);
  }
});

test("every leaf and every beginning has its proof, and no other", async () => {
  for (let n = 1; n <= 40; n += 1) {
    const leaves = Array.from({ length: n }, (_, i) => Uint8Array.of(i));
    const root = await flk.merkleRoot(leaves);
    const index = Math.floor(n / 3);
    const proof = await flk.inclusionProof(leaves, index);
    const leaf = leaves[index] ?? assert.fail();
    assert.ok(await flk.verifyInclusion(leaf, index, n, proof, root));
    assert.ok(!(await flk.verifyInclusion(flk.utf8("other"), index, n, proof, root)));
    const first = 1 + Math.floor(n / 2);
    const before = await flk.merkleRoot(leaves.slice(0, first));
    const growth = await flk.consistencyProof(leaves, first);
    assert.ok(await flk.verifyConsistency(first, n, before, root, growth));
    if (first < n) assert.ok(!(await flk.verifyConsistency(first, n, root, before, growth)));
  }
});

test("an honest record is accepted", async () => {
  assert.equal(flk.judge(await example()).reason, "ok");
});
