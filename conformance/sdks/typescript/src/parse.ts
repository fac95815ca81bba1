import { type Json, RepeatedKey, readJson } from "./json.js";
import { type Fault, type Pcs, pcsId, type Regime, SCHEMA } from "./record.js";
import { Refusal } from "./refusal.js";

const MAX_TEXT = 128;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MERKLE_ROOT = /^[0-9a-f]{64}$/;
const SHARD_ID = /^[ !#-[\]-{}~]{1,128}$/;
const SENT_AT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;
const INTEGER = /^-?[0-9]+$/;

/** Reads a member's value; undefined if it is not allowed. */
type Reader<T> = (value: Json) => T | undefined;
type Readers<T> = { readonly [Name in keyof T]: readonly [requirement: string, read: Reader<T[Name]>] };

/**
 * The valid record that a body holds: one JSON object in UTF-8 that breaks no rule (REC-*, ID-*). Its signature is not
 * looked at. Rejects with a Refusal for anything else.
 */
export async function parse(body: Uint8Array): Promise<Pcs> {
  const members = membersOf(body);
  const record = read(RECORD, members);
  const names = record.scales.map(String);
  if (Object.keys(record.N_j).length !== names.length || !names.every((name) => Object.hasOwn(record.N_j, name))) {
    throw new Refusal("REC-7", "N_j must have one count for each listed scale and no other key", "N_j");
  }
  if (record.pcs_id !== (await pcsId(record.merkle_root, record.epoch, record.shard_id))) {
    throw new Refusal("ID-1", "pcs_id is not SHA-256 of merkle_root|epoch|shard_id", "pcs_id");
  }
  return record;
}

function membersOf(body: Uint8Array): ReadonlyMap<string, Json> {
  try {
    const value = readJson(body);
    if (value.kind === "object") return value.members;
  } catch (error) {
    if (error instanceof RepeatedKey) throw new Refusal("REC-2", error.message, error.key);
    if (error instanceof SyntaxError) throw new Refusal("REC-1", error.message);
    throw error;
  }
  throw new Refusal("REC-1", "the body is not a JSON object");
}

/** All members of an object, each once and no other (REC-3). A bad value is reported at the record's own field. */
function read<T>(readers: Readers<T>, members: ReadonlyMap<string, Json>, at?: string): T {
  for (const name of members.keys()) {
    if (!Object.hasOwn(readers, name)) throw new Refusal("REC-3", `the field ${JSON.stringify(name)} is unknown`, name);
  }
  const record: Partial<T> = {};
  for (const name of Object.keys(readers) as (keyof T & string)[]) {
    const value = members.get(name);
    if (value === undefined) throw new Refusal("REC-3", `the field ${name} is missing`, name);
    const [requirement, reader] = readers[name];
    const taken = reader(value);
    if (taken === undefined) throw new Refusal(requirement, `the value of ${name} is not allowed`, at ?? name);
    record[name] = taken;
  }
  return record as T;
}

function text(allowed: (text: string) => boolean): Reader<string> {
  return (value) => (value.kind === "text" && allowed(value.text) ? value.text : undefined);
}

function matching(form: RegExp): Reader<string> {
  return text((given) => form.test(given));
}

/** Characters are counted, not UTF-16 units. */
function isShort(given: string): boolean {
  return [...given].length <= MAX_TEXT;
}

/** A number written without fraction or exponent. */
function bigint(least: bigint, most: bigint): Reader<bigint> {
  return (value) => {
    if (value.kind !== "number" || !INTEGER.test(value.literal)) return undefined;
    const n = BigInt(value.literal);
    return least <= n && n <= most ? n : undefined;
  };
}

function integer(least: number, most: number): Reader<number> {
  const reader = bigint(BigInt(least), BigInt(most));
  return (value) => {
    const n = reader(value);
    return n === undefined ? undefined : Number(n);
  };
}

/** A number that is finite as a double. */
function real(least: number, most: number): Reader<number> {
  return (value) => {
    const x = value.kind === "number" ? Number(value.literal) : Number.NaN;
    return Number.isFinite(x) && least <= x && x <= most ? x : undefined;
  };
}

function list<T>(reader: Reader<T>, least: number, most: number): Reader<T[]> {
  return (value) => {
    if (value.kind !== "list" || value.items.length < least || value.items.length > most) return undefined;
    const items = value.items.map(reader);
    return items.every((item): item is Awaited<T> & T => item !== undefined) ? items : undefined;
  };
}

function distinct<T>(reader: Reader<T[]>): Reader<T[]> {
  return (value) => {
    const items = reader(value);
    return items && new Set(items).size === items.length ? items : undefined;
  };
}

function counts(value: Json): Record<string, number> | undefined {
  if (value.kind !== "object") return undefined;
  const count = integer(1, Number.MAX_SAFE_INTEGER);
  const entries = Array.from(value.members, ([scale, n]) => [scale, count(n)] as const);
  return entries.every((entry): entry is [string, number] => entry[1] !== undefined)
    ? Object.fromEntries(entries)
    : undefined;
}

const FAULT: Readers<Fault> = {
  outbox_seq: ["REC-8", integer(0, Number.MAX_SAFE_INTEGER)],
  degraded: ["REC-8", (value) => (value.kind === "boolean" ? value.value : undefined)],
  fallbacks: ["REC-8", list(text(isShort), 0, 16)],
  clock_skew_ms: ["REC-8", bigint(MIN_INT64, MAX_INT64)],
};

const RECORD: Readers<Pcs> = {
  pcs_id: ["ID-1", text(() => true)],
  schema: ["REC-4", text((given) => given === SCHEMA)],
  version: ["REC-4", text((given) => given !== "" && isShort(given))],
  shard_id: ["ID-3", matching(SHARD_ID)],
  epoch: ["ID-4", integer(0, Number.MAX_SAFE_INTEGER)],
  attempt: ["REC-8", integer(1, 2 ** 31 - 1)],
  sent_at: ["REC-8", matching(SENT_AT)],
  seed: ["REC-8", bigint(MIN_INT64, MAX_INT64)],
  scales: ["REC-7", distinct(list(integer(1, 1024), 2, 32))],
  N_j: ["REC-7", counts],
  coh_star: ["REC-5", real(0, 1.05)],
  v_star: ["REC-8", list(real(-Number.MAX_VALUE, Number.MAX_VALUE), 1, 16)],
  D_hat: ["REC-5", real(0, 3.5)],
  r: ["REC-5", real(0, 1)],
  regime: ["REC-6", text((given) => ["sticky", "mixed", "non_sticky"].includes(given)) as Reader<Regime>],
  budget: ["REC-5", real(0, 1)],
  merkle_root: ["ID-2", matching(MERKLE_ROOT)],
  sig: ["REC-9", text(isShort)],
  ft: ["REC-8", (value) => (value.kind === "object" ? read(FAULT, value.members, "ft") : undefined)],
};
