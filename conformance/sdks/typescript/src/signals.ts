import type { Bytes } from "./bytes.js";
import { nano, round9 } from "./decimal.js";
import type { Judged, Regime } from "./record.js";

/** The scales at which an agent counts cells. */
export const SCALES: readonly number[] = [2, 4, 8, 16];

const MIN_DISTANCE = 1e-9;
const DIRECTIONS = 100;
const BINS = 20;
const MIN_EXTENT = 1e-9;

/** The median of the slopes of all pairs of points (log2 scale, log2 count) (SIG-1). A record's `D_hat` is its round9. */
export function slope(scales: readonly number[], counts: readonly number[]): number {
  const slopes: number[] = [];
  for (const [i, scale] of scales.entries()) {
    for (const [j, other] of scales.slice(0, i).entries()) {
      const dx = Math.log2(scale) - Math.log2(other);
      const dy = Math.log2(counts[i] ?? 0) - Math.log2(counts[j] ?? 0);
      if (Math.abs(dx) >= MIN_DISTANCE) slopes.push(dy / dx);
    }
  }
  if (slopes.length === 0 || !slopes.every(Number.isFinite)) {
    throw new RangeError("a slope needs two different scales, and a count of at least 1 for each");
  }
  slopes.sort((a, b) => a - b);
  const middle = Math.floor(slopes.length / 2);
  const upper = slopes[middle] ?? Number.NaN;
  return slopes.length % 2 === 1 ? upper : ((slopes[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Where a slope and a coherence lie, both as they are signed (SIG-4). */
export function regime(D_hat: number, coh_star: number): Regime {
  const d = round9(D_hat);
  if (round9(coh_star) >= 0.7 && d <= 1.5) return "sticky";
  return d >= 2.6 ? "non_sticky" : "mixed";
}

/** The share of verification effort that a record asks for (SIG-6). A record's `budget` is its round9. */
export function budget(D_hat: number, coh_star: number, r: number): number {
  const spread = Math.max(0, round9(D_hat) - 2.2);
  const cost = 0.1 + 0.3 * (1 - round9(r)) + 0.5 * spread + 0.2 * round9(coh_star);
  return Math.min(1, Math.max(0, cost));
}

/** For each scale the distinct cells of side 1/scale that hold a point (SIG-5). */
export function countCells(points: readonly (readonly number[])[], scales: readonly number[]): Record<string, number> {
  const count = (scale: number): number => {
    const cells = points.map((point) => point.map((x) => Math.floor(x * scale) + 0)); // -0 and 0 are one cell
    if (!cells.flat().every(Number.isFinite))
      throw new RangeError(`a coordinate is not finite ${scale} times as large`);
    return new Set(cells.map(String)).size;
  };
  return Object.fromEntries(scales.map((scale) => [scale, count(scale)]));
}

/**
 * The zlib ratio of raw bytes, at most 1; 1 for no bytes (SIG-3). The platform's own deflate may differ by bytes from
 * zlib's; a verifier takes the ratio as claimed.
 */
export async function compressibility(raw: Bytes): Promise<number> {
  if (raw.length === 0) return 1;
  const packed = new Blob([raw]).stream().pipeThrough(new CompressionStream("deflate"));
  return Math.min(1, (await new Response(packed).arrayBuffer()).byteLength / raw.length);
}

/** The share of the fullest bin, and the first direction that has it. */
export interface Coherence {
  readonly coh_star: number;
  readonly v_star: readonly number[];
}

/** The largest share of points in one of 20 bins of a projection, over 100 directions drawn from a seed of 32 bits (SIG-2). */
export function coherence(points: readonly (readonly number[])[], dimensions: number, seed: number): Coherence {
  let best = 0;
  let v_star: readonly number[] = new Array<number>(dimensions).fill(0);
  if (points.length === 0) return { coh_star: 0, v_star };
  const normals = new Normals(seed);
  for (let i = 0; i < DIRECTIONS; i += 1) {
    const unit = normals.direction(dimensions);
    const fullest = fullestBin(points, unit);
    if (fullest > best) [best, v_star] = [fullest, unit];
  }
  return { coh_star: best / points.length, v_star };
}

/** The most points in one of equal bins between the least and the greatest projection, the last bin closed. */
function fullestBin(points: readonly (readonly number[])[], unit: readonly number[]): number {
  const projections = points.map((point) => unit.reduce((sum, u, axis) => sum + u * (point[axis] ?? Number.NaN), 0));
  const low = projections.reduce((a, b) => Math.min(a, b));
  const extent = projections.reduce((a, b) => Math.max(a, b)) - low;
  if (!Number.isFinite(extent)) throw new RangeError("coordinates must be finite, and small enough to add up");
  if (extent < MIN_EXTENT) return points.length;
  const edges = Array.from({ length: BINS - 1 }, (_, i) => (i + 1) * (extent / BINS) + low);
  const counts = new Array<number>(BINS).fill(0);
  for (const projection of projections) {
    const bin = edges.filter((edge) => projection >= edge).length;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return Math.max(...counts);
}

const SIZE = 624;
const SHIFT = 397;

/** Standard normals by Marsaglia's polar method from the MT19937 of Matsumoto and Nishimura, as NumPy's RandomState. */
class Normals {
  private readonly state = new Uint32Array(SIZE);
  private at = SIZE;
  private spare: number | undefined;

  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < SIZE; i += 1) {
      const previous = this.word(i - 1);
      this.state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** A row of normals of length 1. */
  direction(dimensions: number): number[] {
    const draws = Array.from({ length: dimensions }, () => this.next());
    const length = Math.sqrt(draws.reduce((sum, x) => sum + x * x, 0));
    return draws.map((x) => x / length);
  }

  private next(): number {
    const spare = this.spare;
    this.spare = undefined;
    if (spare !== undefined) return spare;
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.spare = factor * x;
      return factor * y;
    }
  }

  /** In [0, 1), of 53 random bits. */
  private uniform(): number {
    const high = this.draw() >>> 5;
    const low = this.draw() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  private draw(): number {
    if (this.at === SIZE) this.refill();
    let word = this.word(this.at);
    this.at += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  private refill(): void {
    for (let i = 0; i < SIZE; i += 1) {
      const mixed = (this.word(i) & 0x80000000) | (this.word((i + 1) % SIZE) & 0x7fffffff);
      this.state[i] = this.word((i + SHIFT) % SIZE) ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  private word(i: number): number {
    return this.state[i] ?? 0;
  }
}

/** What a node concludes from a valid, authentic record. */
export interface Outcome {
  readonly accepted: boolean;
  readonly escalated: boolean;
  readonly reason: "ok" | "D_hat_out_of_tolerance" | "regime_mismatch" | "budget_deviation";
  readonly recomputed_D_hat: number;
  readonly recomputed_budget: number;
}

const TOLERANCE_D_HAT = 150_000_000n; // billionths
const TOLERANCE_BUDGET = 10_000_000n;

/** The outcome of a valid record: the first deviation is the reason (JDG-1 to JDG-5). */
export function judge(record: Judged): Outcome {
  const counts = record.scales.map((scale) => record.N_j[scale] ?? 0);
  const recomputed_D_hat = round9(slope(record.scales, counts));
  const recomputed_budget = round9(budget(record.D_hat, record.coh_star, record.r));
  const reason =
    apart(record.D_hat, recomputed_D_hat) > TOLERANCE_D_HAT
      ? "D_hat_out_of_tolerance"
      : record.regime !== regime(record.D_hat, record.coh_star)
        ? "regime_mismatch"
        : apart(record.budget, recomputed_budget) > TOLERANCE_BUDGET
          ? "budget_deviation"
          : "ok";
  return {
    accepted: reason !== "D_hat_out_of_tolerance",
    escalated: reason !== "ok",
    reason,
    recomputed_D_hat,
    recomputed_budget,
  };
}

function apart(a: number, b: number): bigint {
  const difference = nano(a) - nano(b);
  return difference < 0n ? -difference : difference;
}
