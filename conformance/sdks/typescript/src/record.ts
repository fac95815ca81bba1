import { type Bytes, hex, sha256, utf8 } from "./bytes.js";
import { fixed9, shortest } from "./decimal.js";
import { Refusal } from "./refusal.js";

/** What `schema` must say (REC-4), and what this edition writes as `version`. */
export const SCHEMA = "fractal-lba-kakeya";
export const VERSION = "0.1";

/** How a computation moves (SIG-4). */
export type Regime = "sticky" | "mixed" | "non_sticky";

/** The eight fields that every signature covers. */
export interface Signed {
  readonly D_hat: number;
  readonly budget: number;
  readonly coh_star: number;
  readonly epoch: number;
  readonly merkle_root: string;
  readonly pcs_id: string;
  readonly r: number;
  readonly shard_id: string;
}

/** What else is judged: a signature of profile `judged` covers it, too. */
export interface Judged extends Signed {
  readonly N_j: Readonly<Record<string, number>>;
  readonly regime: Regime;
  readonly scales: readonly number[];
}

/** How the agent fared. */
export interface Fault {
  readonly outbox_seq: number;
  readonly degraded: boolean;
  readonly fallbacks: readonly string[];
  readonly clock_skew_ms: bigint;
}

/** A Proof-of-Computation Summary, all nineteen fields. Built by hand it is unchecked; `parse` returns valid ones. */
export interface Pcs extends Judged {
  readonly schema: string;
  readonly version: string;
  readonly attempt: number;
  readonly sent_at: string;
  readonly seed: bigint;
  readonly v_star: readonly number[];
  readonly sig: string;
  readonly ft: Fault;
}

/** What a signature covers and how reals are written: sign with `judged` (C14N-9); `shortest` is that of older signers. */
export type Profile = "fixed9" | "judged" | "shortest";

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The bytes that are signed (C14N-*). The record need not be valid. Throws a Refusal if it has no canonical form: a real
 * that is not finite, a text that UTF-8 cannot carry, or under `judged` a scale without a count.
 */
export function canonicalBytes(record: Signed | Judged, profile: Profile): Bytes {
  const real = profile === "shortest" ? shortest : fixed9;
  const eight =
    `{"D_hat":${real(record.D_hat)},"budget":${real(record.budget)},"coh_star":${real(record.coh_star)}` +
    `,"epoch":${record.epoch},"merkle_root":${quoted(record.merkle_root)},"pcs_id":${quoted(record.pcs_id)}` +
    `,"r":${real(record.r)},"shard_id":${quoted(record.shard_id)}}`;
  return utf8(profile === "judged" ? `${eight}\n${whatIsJudged(record)}` : eight);
}

function whatIsJudged(record: Signed | Judged): string {
  if (!("scales" in record)) throw new Refusal("C14N-9", "profile judged covers N_j, regime and scales, too");
  const counts = record.scales.map((scale) => {
    if (!Object.hasOwn(record.N_j, scale)) throw new Refusal("C14N-9", `N_j has no count for scale ${scale}`);
    return `"${scale}":${record.N_j[scale]}`;
  });
  return `{"N_j":{${counts}},"regime":${quoted(record.regime)},"scales":[${record.scales}]}`;
}

/** A JSON text as RFC 8785 section 3.2.2.2 asks, which is how ECMAScript writes it (C14N-5). */
function quoted(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new Refusal("C14N-5", "a text holds a lone surrogate, which UTF-8 cannot carry");
  return JSON.stringify(text);
}

/** The id of a computation (ID-1). */
export async function pcsId(merkleRoot: string, epoch: number | bigint, shardId: string): Promise<string> {
  return hex(await sha256(utf8(`${merkleRoot}|${epoch}|${shardId}`)));
}

/** What tells another content under one id from the same one delivered again (DUP-3). */
export async function contentDigest(record: Judged): Promise<string> {
  return hex(await sha256(canonicalBytes(record, "judged")));
}

/** The record as the body of a submission. */
export function encode(record: Pcs): Bytes {
  // JSON.stringify takes no bigint. A quote within a text is escaped, so nothing but the two members looks like them.
  const text = JSON.stringify({ ...record, seed: 0, ft: { ...record.ft, clock_skew_ms: 0 } })
    .replace('"seed":0', `"seed":${record.seed}`)
    .replace('"clock_skew_ms":0', `"clock_skew_ms":${record.ft.clock_skew_ms}`);
  return utf8(text);
}
