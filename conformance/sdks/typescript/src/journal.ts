import * as fs from "node:fs";
import { join } from "node:path";

// The journal is one file of frames, little-endian:
//
//   frame = length:u32 kind:u8 id:u64 crc32c:u32 payload crc32c:u32
//
// The length is the payload's. The first checksum covers what is before it, the second the same and the payload, but not the first:
// a CRC of anything that is followed by its own CRC is one number, so it would tie no payload to its head. Damage to any byte shows,
// and a frame that a crash cut short, whose head is sound, differs from one whose length was damaged. The former is the file's end
// and is cut off; damage is kept as a copy, and told (OUT-7).

/** Queued, acknowledged, dead, a source begun and ended, and the next id, which is written when the journal is rewritten. */
export type Kind = "Q" | "A" | "D" | "B" | "E" | "N";

/** One entry of the journal. */
export interface Frame {
  readonly kind: Kind;
  readonly id: number;
  readonly payload: Buffer;
}

/** A range of a file that holds no sound frame. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

const SUM = 4;
const FIELDS = 13; // bytes of a head, before its checksum
const HEAD = FIELDS + SUM;
const NAME = "outbox.journal";
const COPY = "outbox.damaged-";
const CRC32C = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c;
});

function crc32c(...parts: Uint8Array[]): number {
  let c = ~0;
  for (const raw of parts) for (const byte of raw) c = (c >>> 8) ^ (CRC32C[(c ^ byte) & 255] ?? 0);
  return ~c >>> 0;
}

function frameBytes({ kind, id, payload }: Frame): Buffer {
  const raw = Buffer.alloc(HEAD + payload.length + SUM);
  raw.writeUInt32LE(payload.length);
  raw.write(kind, 4, "latin1");
  raw.writeBigUInt64LE(BigInt(id), 5);
  payload.copy(raw, HEAD);
  raw.writeUInt32LE(crc32c(raw.subarray(0, FIELDS)), FIELDS);
  raw.writeUInt32LE(crc32c(raw.subarray(0, FIELDS), payload), raw.length - SUM);
  return raw;
}

/** How many bytes the frame has that the bytes begin with, or 0 if its head is not sound. */
function sizeOf(raw: Buffer): number {
  const isSound = raw.length >= HEAD && raw.readUInt32LE(FIELDS) === crc32c(raw.subarray(0, FIELDS));
  return isSound ? HEAD + raw.readUInt32LE() + SUM : 0;
}

/** The sound frame that the bytes begin with, and its size. */
function parseFrame(raw: Buffer): [Frame, number] | undefined {
  const size = sizeOf(raw);
  if (size === 0 || size > raw.length) return undefined;
  const payload = raw.subarray(HEAD, size - SUM);
  if (raw.readUInt32LE(size - SUM) !== crc32c(raw.subarray(0, FIELDS), payload)) return undefined;
  const kind = raw.toString("latin1", 4, 5) as Kind;
  return [{ kind, id: Number(raw.readBigUInt64LE(5)), payload }, size];
}

/** All sound frames, the damaged ranges, and where the last frame ends. */
export function scan(file: string, raw: Buffer): { frames: Frame[]; damage: Damage[]; end: number } {
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
function isTorn(tail: Buffer): boolean {
  return tail.every((byte) => byte === 0) || tail.length < HEAD || sizeOf(tail) > tail.length;
}

/** What need be remembered: not what was acknowledged, nor sources that were queued to their end. */
function live(frames: readonly Frame[]): Frame[] {
  const settled = new Set<number>();
  const open = new Map<string, number>();
  let next = 1;
  for (const { kind, id, payload } of frames) {
    if (kind === "A") settled.add(id);
    if (kind === "B") open.set(payload.toString(), id);
    if (kind === "E") open.delete(payload.toString());
    next = Math.max(next, kind === "N" ? id : id + 1);
  }
  const kept = frames.filter(
    ({ kind, id, payload }) =>
      (kind === "Q" && !settled.has(id)) || kind === "D" || (kind === "B" && open.get(payload.toString()) === id),
  );
  return [{ kind: "N", id: next, payload: Buffer.alloc(0) }, ...kept];
}

/** The open file. After a failed write or synchronisation it takes no more: what the kernel then holds is unknown. */
export class Journal {
  private failure: unknown;

  private constructor(
    private readonly descriptor: number,
    readonly frames: readonly Frame[],
    readonly damage: readonly Damage[],
  ) {}

  /** Reads the journal of a directory, repairs it if it must, and opens it for appending. */
  static open(directory: string): Journal {
    const path = join(directory, NAME);
    const raw = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
    const { frames, damage, end } = scan(path, raw);
    if (damage.length > 0) {
      writeDurably(join(directory, COPY + crc32c(raw).toString(16)), raw);
      synchronise(directory);
    }
    const kept = live(frames);
    if (damage.length > 0 || end < raw.length || kept.length < frames.length || raw.length === 0) {
      writeDurably(`${path}.new`, Buffer.concat(kept.map(frameBytes)));
      fs.renameSync(`${path}.new`, path); // a crash leaves the old one or the new one
      synchronise(directory);
    }
    const copies = fs.readdirSync(directory).filter((name) => name.startsWith(COPY));
    const told = copies.sort().flatMap((name) => {
      const copy = join(directory, name);
      return scan(copy, fs.readFileSync(copy)).damage;
    });
    return new Journal(fs.openSync(path, "a", 0o600), kept, told);
  }

  /** Makes a frame durable. */
  append(frame: Frame): void {
    if (this.failure !== undefined) throw this.failure;
    try {
      const raw = frameBytes(frame);
      if (fs.writeSync(this.descriptor, raw) !== raw.length) throw new Error("the journal took a part of a frame");
      fs.fsyncSync(this.descriptor);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** Ends the use of the file. */
  close(): void {
    this.failure ??= new Error("the outbox is closed");
    fs.closeSync(this.descriptor);
  }
}

function writeDurably(path: string, raw: Buffer): void {
  fs.writeFileSync(path, raw, { mode: 0o600 });
  synchronise(path);
}

/** Makes a file's bytes durable, or a directory's entries. */
export function synchronise(path: string): void {
  const descriptor = fs.openSync(path, "r");
  fs.fsyncSync(descriptor);
  fs.closeSync(descriptor);
}

/** Keeps other processes out of a directory; what undoes it. The lock of a process that is gone does not count. */
export function lock(directory: string): () => void {
  const path = join(directory, "outbox.pid");
  for (let attempt = 0; ; attempt += 1) {
    try {
      fs.writeFileSync(path, String(process.pid), { flag: "wx", mode: 0o600 });
      return () => fs.rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 0) throw error;
      const holder = Number(fs.readFileSync(path, "utf8"));
      if (isAlive(holder)) throw new Error(`process ${holder} has the outbox open; if it does not, remove ${path}`);
      fs.rmSync(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
