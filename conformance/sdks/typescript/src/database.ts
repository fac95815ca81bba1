import { type Damage, type Frame, frameBytes, type Journal, live, soundFrame } from "./frames.js";

// The journal of a page is a database: a row for each frame, under consecutive numbers, the first of kind N. A row is there as a whole or
// not at all, so one that holds no sound frame is damage, and so is a number that is missing. Damage is kept in a store of its own, and
// told (OUT-7). A browser that finds a database's files corrupt removes them, and tells no page; a cache, which it keeps elsewhere, bears
// witness that there was one.

const FRAMES = "frames";
const DAMAGED = "damaged";
const GRACE = 1000; // milliseconds

/** What a damaged row held, if it was there, and how it is told. */
interface Kept {
  readonly told: Damage;
  readonly row?: unknown;
}

/** The open database. What is not durable is an error, whatever the reason: no room, a browser that is closing it, a closed journal. */
export class DatabaseJournal implements Journal {
  private constructor(
    private readonly database: IDBDatabase,
    private readonly unlock: () => void,
    readonly frames: readonly Frame[],
    private told: readonly Damage[],
  ) {}

  /** Reads the journal of that name in the page's origin, and repairs it if it must. Rejects if another page has it open. */
  static async open(outbox: string): Promise<DatabaseJournal> {
    const name = `flk outbox ${outbox}`; // of the lock, of the database and of the cache
    const unlock = await lock(name);
    let database: IDBDatabase | undefined;
    try {
      const hasWitness = await caches.has(name);
      database = await opened(name);
      const { frames, damage } = await repaired(database, name, hasWitness);
      await caches.open(name);
      return new DatabaseJournal(database, unlock, frames, damage);
    } catch (error) {
      database?.close();
      unlock();
      throw error;
    }
  }

  get damage(): readonly Damage[] {
    return this.told;
  }

  append(frame: Frame): Promise<void> {
    return committed(this.database, (store) => store(FRAMES).add(frameBytes(frame)));
  }

  /** Removes what tells of damage. */
  async forget(): Promise<void> {
    await committed(this.database, (store) => store(DAMAGED).clear());
    this.told = [];
  }

  close(): void {
    this.database.close();
    this.unlock();
  }
}

/** Keeps other pages out; what undoes it. A page that is gone has no lock, and one that is just going has a moment for that. */
function lock(name: string): Promise<() => void> {
  return new Promise((held, failed) => {
    const hold = () => new Promise<void>((release) => held(release));
    navigator.locks.request(name, { signal: AbortSignal.timeout(GRACE) }, hold).catch((error) => {
      const isHeld = error.name === "TimeoutError";
      failed(isHeld ? new Error(`another page has the ${name} open: close it there first`) : error);
    });
  });
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((done, failed) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of [FRAMES, DAMAGED]) request.result.createObjectStore(store, { autoIncrement: true });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

/** Makes changes durable, all or none; those that are made while the answer to a request is looked at are among them. */
function committed(database: IDBDatabase, change: (store: (name: string) => IDBObjectStore) => void): Promise<void> {
  return new Promise((done, failed) => {
    const transaction = database.transaction([FRAMES, DAMAGED], "readwrite", { durability: "strict" });
    transaction.oncomplete = () => done();
    transaction.onabort = () => failed(transaction.error ?? new Error("the browser ended the transaction"));
    change((name) => transaction.objectStore(name));
  });
}

/** The live frames and all damage that is to be told, once the database holds just these. */
async function repaired(database: IDBDatabase, name: string, hasWitness: boolean) {
  let frames: Frame[] = [];
  let damage: Damage[] = [];
  await committed(database, (store) => {
    const keys = store(FRAMES).getAllKeys();
    const rows = store(FRAMES).getAll();
    rows.onsuccess = () => {
      const found = examined(name, keys.result as number[], rows.result);
      if (rows.result.length === 0 && hasWitness) found.kept.push({ told: { file: name, offset: 0, length: 0 } });
      frames = live(found.frames);
      if (found.kept.length > 0 || frames.length < found.frames.length || rows.result.length === 0) {
        store(FRAMES).clear();
        for (const frame of frames) store(FRAMES).add(frameBytes(frame));
        for (const kept of found.kept) store(DAMAGED).add(kept);
      }
      const told = store(DAMAGED).getAll();
      told.onsuccess = () => {
        damage = (told.result as Kept[]).map((kept) => kept.told);
      };
    };
  });
  return { frames, damage };
}

/** The sound frames of rows, and what is damaged: a row, or numbers before one. */
function examined(name: string, keys: readonly number[], rows: readonly unknown[]) {
  const frames: Frame[] = [];
  const kept: Kept[] = [];
  const lacks = (place: string, row?: unknown) => {
    const length = row instanceof Uint8Array ? row.length : 0;
    kept.push({ told: { file: `${name}, ${place}`, offset: 0, length }, row });
  };
  keys.forEach((key, place) => {
    const row = rows[place];
    const frame = soundFrame(row);
    const isNext = place === 0 ? frame === undefined || frame.kind === "N" : keys[place - 1] === key - 1;
    if (!isNext) lacks(`before row ${key}`);
    if (frame === undefined) lacks(`row ${key}`, row);
    else frames.push(frame);
  });
  return { frames, kept };
}
