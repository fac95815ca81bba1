import * as fs from "node:fs";
import { join } from "node:path";
import { crc32c, type Damage, type Frame, frameBytes, type Journal, live, scan } from "./frames.js";

// The journal of a directory is one file of frames. What a crash cut short is the file's end and is cut off; damage is kept as a copy,
// and told (OUT-7).

const NAME = "outbox.journal";
const COPY = "outbox.damaged-";

/** The open file. After a failed write or synchronisation it takes no more: what the kernel then holds is unknown. */
export class FileJournal implements Journal {
  private failure: unknown;

  private constructor(
    private readonly descriptor: number,
    readonly frames: readonly Frame[],
    readonly damage: readonly Damage[],
  ) {}

  /** Reads the journal of a directory, repairs it if it must, and opens it for appending. */
  static open(directory: string): FileJournal {
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
    return new FileJournal(fs.openSync(path, "a", 0o600), kept, told);
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

function writeDurably(path: string, raw: Uint8Array): void {
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
