import { type Bytes, hex, sha256, utf8 } from "./bytes.js";
import { Refusal } from "./refusal.js";

const CHUNK_BYTES = 64;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Raw bytes cut into leaves of 64 bytes, the last one shorter if need be (MRK-4). */
export function chunks(raw: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(raw.length / CHUNK_BYTES) }, (_, i) =>
    raw.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
  );
}

function node(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  return sha256(NODE, left, right);
}

/** The root of the tree of RFC 6962, SHA-256 of nothing if there are no leaves (MRK-1). */
export async function merkleRoot(leaves: readonly Uint8Array[]): Promise<Bytes> {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(LEAF, only);
  const half = leftSize(leaves.length);
  return node(await merkleRoot(leaves.slice(0, half)), await merkleRoot(leaves.slice(half)));
}

/** The largest power of two below n > 1. */
function leftSize(n: number): number {
  return 2 ** (31 - Math.clz32(n - 1));
}

/** The siblings from leaf `index`, counted from 0, up to the root. Rejects with a Refusal of MRK-2 if there is none. */
export async function inclusionProof(leaves: readonly Uint8Array[], index: number): Promise<Bytes[]> {
  if (!(index >= 0 && index < leaves.length)) {
    throw new Refusal("MRK-2", `there is no leaf ${index} in a tree of ${leaves.length}`);
  }
  if (leaves.length === 1) return [];
  const half = leftSize(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half
    ? [...(await inclusionProof(left, index)), await merkleRoot(right)]
    : [...(await inclusionProof(right, index - half)), await merkleRoot(left)];
}

/** Whether a proof shows that a leaf is number `index` of `size` under `root` (MRK-2; RFC 9162, section 2.1.3.2). */
export async function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): Promise<boolean> {
  if (!(index >= 0 && index < size)) return false;
  const climb = new Climb(index, size - 1);
  let hash = await sha256(LEAF, leaf);
  for (const sibling of proof) {
    if (climb.isDone) return false;
    hash = climb.isRight() ? await node(sibling, hash) : await node(hash, sibling);
  }
  return climb.isDone && hex(hash) === hex(root);
}

/** The nodes from which both roots follow (MRK-3). Rejects with a Refusal of MRK-3 unless 0 < first <= leaves.length. */
export async function consistencyProof(leaves: readonly Uint8Array[], first: number): Promise<Bytes[]> {
  if (!(first > 0 && first <= leaves.length)) {
    throw new Refusal("MRK-3", `a tree of ${leaves.length} leaves has no earlier state of ${first}`);
  }
  return subproof(leaves, first, true);
}

/** SUBPROOF of RFC 6962, section 2.1.2; the verifier has the root of these leaves as long as `isKnown`. */
async function subproof(leaves: readonly Uint8Array[], first: number, isKnown: boolean): Promise<Bytes[]> {
  if (first === leaves.length) return isKnown ? [] : [await merkleRoot(leaves)];
  const half = leftSize(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return first <= half
    ? [...(await subproof(left, first, isKnown)), await merkleRoot(right)]
    : [...(await subproof(right, first - half, false)), await merkleRoot(left)];
}

/** Whether a proof shows that the tree of `first` leaves began that of `second` (MRK-3; RFC 9162, section 2.1.4.2). */
export async function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): Promise<boolean> {
  if (!(first > 0 && first <= second)) return false;
  if (first === second) return proof.length === 0 && hex(firstRoot) === hex(secondRoot);
  const isComplete = Number.isInteger(Math.log2(first));
  const [start, ...path] = isComplete ? [firstRoot, ...proof] : proof;
  if (start === undefined) return false;
  const climb = new Climb(first - 1, second - 1);
  climb.skipComplete();
  let [older, newer] = [start, start];
  for (const sibling of path) {
    if (climb.isDone) return false;
    if (climb.isRight()) {
      [older, newer] = [await node(sibling, older), await node(sibling, newer)];
    } else {
      newer = await node(newer, sibling);
    }
  }
  return climb.isDone && hex(older) === hex(firstRoot) && hex(newer) === hex(secondRoot);
}

/** The way from a node to the root, in a level whose last node is `last`. */
class Climb {
  constructor(
    private node: number,
    private last: number,
  ) {}

  get isDone(): boolean {
    return this.last === 0;
  }

  /** Whether the next sibling stands to the left of the node; moves up one level, or past those without a sibling. */
  isRight(): boolean {
    const isRight = this.node % 2 === 1 || this.node === this.last;
    while (isRight && this.node !== 0 && this.node % 2 === 0) this.up();
    this.up();
    return isRight;
  }

  /** Up from the last node of the older tree to the root of the largest complete tree that it ends. */
  skipComplete(): void {
    while (this.node % 2 === 1) this.up();
  }

  private up(): void {
    this.node = Math.floor(this.node / 2);
    this.last = Math.floor(this.last / 2);
  }
}

/** The root of the older tree, to check the records that carry one (MRK-5). New records never use it. */
export async function legacyRoot(leaves: readonly Uint8Array[]): Promise<string> {
  let level = await Promise.all(leaves.map(async (leaf) => hex(await sha256(leaf))));
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
      const left = level[2 * i] ?? "";
      return left + (level[2 * i + 1] ?? left);
    });
    level = await Promise.all(pairs.map(async (pair) => hex(await sha256(utf8(pair)))));
  }
  return level[0] ?? "0".repeat(64);
}
