import { type Damage, type Frame, frameBytes, type Journal, live, soundFrame } from "./frames.js";

// The journal of a page is a database: a row for each frame, under consecutive numbers, the first of kind N. A row is there as a whole or
// not at all, so one that holds no sound frame is damage, and so is a number that is missing. Damage is kept in a store of its own, and
// told (OUT-7). A browser that finds a database's files corrupt removes them, or what comes last in them, and tells no page; a cache, which
// it keeps elsewhere, bears witness to the last row. It lags behind, so that it never tells of one that was not durable.

const FRAMES = "frames";
const DAMAGED = "damaged";
const GRACE = 1000; // milliseconds
const WITNESS = "/flk-outbox"; // what the cache calls the number of the last row

/** What a damaged row held, if it was there, and how it is told. */
interface Kept {
  readonly told: Damage;
  readonly row?: unknown;
}

/** The open database. What is not durable is an error, whatever the reason: no room, a browser that is closing it, a closed journal. */
export class DatabaseJournal implements Journal {
  private isWitnessed = true;

  private constructor(
    private readonly name: string,
    private readonly database: IDBDatabase,
    private readonly unlock: () => void,
    readonly frames: readonly Frame[],
    private told: readonly Damage[],
    private last: number,
  ) {}

  /** Reads the journal of that name in the page's origin, and repairs it if it must. Rejects if another page has it open. */
  static async open(outbox: string): Promise<DatabaseJournal> {
    const name = `flk outbox ${outbox}`; // of the lock, of the database and of the cache
    const unlock = await lock(name);
    let database: IDBDatabase | undefined;
    try {
      const witnessed = await witnessOf(name);
      database = await opened(name);
      const { frames, damage, last } = await repaired(database, name, witnessed);
      const journal = new DatabaseJournal(name, database, unlock, frames, damage, last);
      await journal.witness(last); // what it said of rows that are gone is told now
      return journal;
    } catch (error) {
      database?.close();
      unlock();
      throw error;
    }
  }

  get damage(): readonly Damage[] {
    return this.told;
  }

  async append(frame: Frame): Promise<void> {
    let added: IDBRequest<IDBValidKey> | undefined;
    await committed(this.database, (store) => {
      added = store(FRAMES).add(frameBytes(frame));
    });
    void this.witness(added?.result as number);
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

  /** Has the cache say which row is the last; what comes meanwhile is said at once in the end. It may lag. */
  private async witness(row: number): Promise<void> {
    this.last = row;
    if (!this.isWitnessed) return;
    this.isWitnessed = false;
    for (let said: number | undefined; said !== this.last; ) {
      said = this.last;
      const cache = await caches.open(this.name).catch(() => undefined);
      await cache?.put(WITNESS, new Response(String(said))).catch(() => undefined); // the next time will do
    }
    this.isWitnessed = true;
  }
}

/** The number of the last row that the cache knows of, 0 if of none. */
async function witnessOf(name: string): Promise<number> {
  const found = await caches.match(WITNESS, { cacheName: name });
  return Number(await found?.text()) || 0;
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

/** The live frames, all damage that is to be told, and the last row, once the database holds just these. */
async function repaired(database: IDBDatabase, name: string, witnessed: number) {
  let frames: Frame[] = [];
  let damage: Damage[] = [];
  let last = 0;
  await committed(database, (store) => {
    const keys = store(FRAMES).getAllKeys();
    const rows = store(FRAMES).getAll();
    rows.onsuccess = () => {
      const found = examined(name, keys.result as number[], rows.result, witnessed);
      frames = live(found.frames);
      if (found.kept.length > 0 || frames.length < found.frames.length || rows.result.length === 0) {
        store(FRAMES).clear();
        for (const frame of frames) store(FRAMES).add(frameBytes(frame));
        for (const kept of found.kept) store(DAMAGED).add(kept);
      }
      const told = store(DAMAGED).getAll();
      const numbers = store(FRAMES).getAllKeys();
      numbers.onsuccess = () => {
        damage = (told.result as Kept[]).map((kept) => kept.told);
        last = numbers.result.at(-1) as number;
      };
    };
  });
  return { frames, damage, last };
}

/** The sound frames of rows, and what is damaged: a row, or numbers before one or after all. */
function examined(name: string, keys: readonly number[], rows: readonly unknown[], witnessed: number) {
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
  const last = keys.at(-1) ?? 0;
  if (last < witnessed) lacks(`after row ${last}`);
  return { frames, kept };
}
