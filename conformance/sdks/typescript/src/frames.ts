import { utf8 } from "./bytes.js";

// An outbox is a sequence of frames, little-endian:
//
//   frame = length:u32 kind:u8 id:u64 crc32c:u32 payload crc32c:u32
//
// The length is the payload's. The first checksum covers what is before it, the second the same and the payload, but not the first:
// a CRC of anything that is followed by its own CRC is one number, so it would tie no payload to its head. Damage to any byte shows,
// and a frame that a crash cut short, whose head is sound, differs from one whose length was damaged (OUT-7).

/** Queued, acknowledged, dead, a source begun and ended, and the next id, which is written when the frames are rewritten. */
export type Kind = "Q" | "A" | "D" | "B" | "E" | "N";

/** One entry of an outbox. */
export interface Frame {
  readonly kind: Kind;
  readonly id: number;
  readonly payload: Uint8Array;
}

/** A range of a file, or of a row of a page's database, that holds no sound frame. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** Where an outbox keeps its frames. */
export interface Journal {
  /** What was there when it was opened. */
  readonly frames: readonly Frame[];
  /** What was corrupt then, or is told since an earlier opening. */
  readonly damage: readonly Damage[];
  /** Makes a frame durable. */
  append(frame: Frame): void | Promise<void>;
  /** Ends its use, and lets others open it. */
  close(): void;
}

const SUM = 4;
const FIELDS = 13; // bytes of a head, before its checksum
const HEAD = FIELDS + SUM;
const CRC32C = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c;
});
const decoder = new TextDecoder();

export function crc32c(...parts: Uint8Array[]): number {
  let c = ~0;
  for (const raw of parts) for (const byte of raw) c = (c >>> 8) ^ (CRC32C[(c ^ byte) & 255] ?? 0);
  return ~c >>> 0;
}

const view = (raw: Uint8Array) => new DataView(raw.buffer, raw.byteOffset, raw.byteLength);

/** The text that a payload holds. */
export function textOf({ payload }: Frame): string {
  return decoder.decode(payload);
}

export function frameBytes({ kind, id, payload }: Frame): Uint8Array {
  const raw = new Uint8Array(HEAD + payload.length + SUM);
  const fields = view(raw);
  fields.setUint32(0, payload.length, true);
  raw.set(utf8(kind), 4);
  fields.setBigUint64(5, BigInt(id), true);
  raw.set(payload, HEAD);
  fields.setUint32(FIELDS, crc32c(raw.subarray(0, FIELDS)), true);
  fields.setUint32(raw.length - SUM, crc32c(raw.subarray(0, FIELDS), payload), true);
  return raw;
}

/** How many bytes the frame has that the bytes begin with, or 0 if its head is not sound. */
function sizeOf(raw: Uint8Array): number {
  if (raw.length < HEAD || view(raw).getUint32(FIELDS, true) !== crc32c(raw.subarray(0, FIELDS))) return 0;
  return HEAD + view(raw).getUint32(0, true) + SUM;
}

/** The sound frame that the bytes begin with, and its size. */
function parseFrame(raw: Uint8Array): [Frame, number] | undefined {
  const size = sizeOf(raw);
  if (size === 0 || size > raw.length) return undefined;
  const fields = view(raw);
  const payload = new Uint8Array(raw.subarray(HEAD, size - SUM));
  if (fields.getUint32(size - SUM, true) !== crc32c(raw.subarray(0, FIELDS), payload)) return undefined;
  const kind = decoder.decode(raw.subarray(4, 5)) as Kind;
  return [{ kind, id: Number(fields.getBigUint64(5, true)), payload }, size];
}

/** The frame that a row of a database holds, and nothing else; undefined if it is none, or not sound. */
export function soundFrame(row: unknown): Frame | undefined {
  if (!(row instanceof Uint8Array)) return undefined;
  const [frame, size] = parseFrame(row) ?? [];
  return size === row.length ? frame : undefined;
}

/** All sound frames, the damaged ranges, and where the last frame ends. */
export function scan(file: string, raw: Uint8Array): { frames: Frame[]; damage: Damage[]; end: number } {
  const frames: Frame[] = [];
  const damage: Damage[] = [];
  let end = 0;
  for (let at = 0; at < raw.length; ) {
    const found = parseFrame(raw.subarray(at));
    if (found === undefined) {
      at += 1;
      continue;
    }
    if (at > end) damage.push({ file, offset: end, length: at - end });
    frames.push(found[0]);
    at += found[1];
    end = at;
  }
  const tail = raw.subarray(end);
  if (tail.length > 0 && !isTorn(tail)) damage.push({ file, offset: end, length: tail.length });
  return { frames, damage, end };
}

/** Whether a crash may have cut a tail short: it is shorter than its sound head says, or than a head, or was never written. */
function isTorn(tail: Uint8Array): boolean {
  return tail.every((byte) => byte === 0) || tail.length < HEAD || sizeOf(tail) > tail.length;
}

/** What need be remembered: not what was acknowledged, nor sources that were queued to their end. */
export function live(frames: readonly Frame[]): Frame[] {
  const settled = new Set<number>();
  const open = new Map<string, number>();
  let next = 1;
  for (const frame of frames) {
    const { kind, id } = frame;
    if (kind === "A") settled.add(id);
    if (kind === "B") open.set(textOf(frame), id);
    if (kind === "E") open.delete(textOf(frame));
    next = Math.max(next, kind === "N" ? id : id + 1);
  }
  const kept = frames.filter(
    (frame) =>
      (frame.kind === "Q" && !settled.has(frame.id)) ||
      frame.kind === "D" ||
      (frame.kind === "B" && open.get(textOf(frame)) === frame.id),
  );
  return [{ kind: "N", id: next, payload: new Uint8Array() }, ...kept];
}
