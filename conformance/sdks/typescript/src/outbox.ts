/**
 * Delivers records at least once: they are durable before they are sent and stay queued, through restarts and kills, until
 * the service has stored their outcome or refused them for good (OUT-*). For Node, since it needs a disk.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Damage, type Frame, Journal, type Kind, lock, synchronise } from "./journal.js";
import { type Json, readJson } from "./json.js";
import { parse } from "./parse.js";
import { pause } from "./pause.js";
import { contentDigest, encode, type Pcs } from "./record.js";

export type { Damage } from "./journal.js";

const MAX_ATTEMPTS = 5; // to a round (OUT-2)
const TIMEOUT = 30_000; // milliseconds for one request
const MAX_ANSWER = 2 ** 20; // bytes
const TENANT = /^[A-Za-z0-9._-]{1,64}$/;

/** What is sent: the tenant it speaks for and the body, exactly as it is queued. */
export interface Submission {
  readonly id: number;
  readonly tenant: string;
  readonly body: Buffer;
}

/** A submission that the service refused for good, and the answer that says so (OUT-5). */
export interface DeadLetter extends Submission {
  readonly status: number;
  readonly answer: Buffer;
}

/** How many of a round's submissions ended how. */
export interface Summary {
  acknowledged: number;
  dead: number;
  postponed: number;
}

/** What tests replace: a number drawn evenly from [0, 1), waiting so many milliseconds, and how many a request may take. */
export interface Chance {
  readonly draw: () => number;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
  readonly timeout?: number;
}

const CHANCE: Chance = {
  draw: Math.random,
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal ? { signal } : {}),
};

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfter: number;
}

const NO_ANSWER: Answer = { status: 0, body: Buffer.alloc(0), retryAfter: 0 };

/** A directory of submissions for one service; one process at a time has it open. */
export class Outbox {
  private readonly url: URL;
  private readonly journal: Journal;
  private readonly unlock: () => void;
  private readonly waiting = new Map<number, Submission>();
  private readonly letters = new Map<number, DeadLetter>();
  private readonly sources = new Set<string>();
  private next = 1;
  private round: Promise<unknown> = Promise.resolve();

  /** Opens the outbox in a directory, which is made if there is none, and repairs what a crash left: see `damage`. */
  constructor(
    directory: string,
    url: string | URL,
    private readonly chance: Chance = CHANCE,
  ) {
    this.url = new URL(`${String(url).replace(/\/$/, "")}/v1/pcs/submit`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    synchronise(dirname(resolve(directory)));
    this.unlock = lock(directory);
    try {
      this.journal = Journal.open(directory);
      for (const frame of this.journal.frames) this.take(frame);
    } catch (error) {
      this.unlock();
      throw error;
    }
  }

  /** Makes a signed record durable, exactly as it will be sent (OUT-1); its id in the outbox. */
  async add(tenant: string, record: Pcs): Promise<number> {
    if (!TENANT.test(tenant))
      throw new TypeError(`a tenant matches ${TENANT}, which ${JSON.stringify(tenant)} does not`);
    const body = Buffer.from(encode(record));
    await parse(body);
    return this.write("Q", this.next, JSON.stringify({ tenant, body: body.toString("base64") }));
  }

  /** Notes that records of a source are added from here on; until `end` it is one of `unfinished` (OUT-7). */
  begin(source: string): void {
    this.write("B", this.next, source);
  }

  /** Notes that all records of a source were added. */
  end(source: string): void {
    this.write("E", this.next, source);
  }

  /** The sources that were begun and not ended: send them again, for what is stored already is a duplicate. */
  get unfinished(): readonly string[] {
    return [...this.sources].sort();
  }

  /** The corrupt ranges of the journal, each time it is opened, until the copy that holds them is removed (OUT-7). */
  get damage(): readonly Damage[] {
    return this.journal.damage;
  }

  /** What still waits, oldest first. */
  get pending(): readonly Submission[] {
    return [...this.waiting.values()];
  }

  /** What was refused for good, oldest first. */
  get deadLetters(): readonly DeadLetter[] {
    return [...this.letters.values()];
  }

  /**
   * One round: sends each waiting submission until the service says what became of it, at most five times, with pauses; what
   * is unsettled then is postponed to the next round. Rejects if the signal aborts or the disk fails.
   */
  async deliver(signal?: AbortSignal): Promise<Summary> {
    const round = this.round.then(() => this.deliverAll(signal));
    this.round = round.catch(() => undefined);
    return round;
  }

  /** Lets another process open the outbox, after the round that is under way: abort its signal first. */
  async close(): Promise<void> {
    await this.round;
    this.journal.close();
    this.unlock();
  }

  private async deliverAll(signal?: AbortSignal): Promise<Summary> {
    const summary: Summary = { acknowledged: 0, dead: 0, postponed: 0 };
    for (const submission of this.pending) summary[await this.deliverOne(submission, signal)] += 1;
    return summary;
  }

  private async deliverOne(submission: Submission, signal?: AbortSignal): Promise<keyof Summary> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.post(submission, signal);
      signal?.throwIfAborted(); // the answer may be one that was cut short
      const said = await meaningOf(submission.body, answer);
      if (said === "acknowledged") this.write("A", submission.id, "");
      if (said === "dead") {
        this.write("D", submission.id, JSON.stringify({ status: answer.status, body: answer.body.toString("base64") }));
      }
      if (said !== "postponed" || attempt === MAX_ATTEMPTS) return said;
      await this.chance.sleep(1000 * pause(attempt, this.chance.draw(), answer.retryAfter), signal);
    }
  }

  /** Sends a submission once. Whatever goes wrong on the way is no answer. */
  private async post(submission: Submission, signal?: AbortSignal): Promise<Answer> {
    const timeout = new AbortController();
    const abort = () => timeout.abort();
    const timer = setTimeout(abort, this.chance.timeout ?? TIMEOUT);
    signal?.addEventListener("abort", abort);
    try {
      const response = await fetch(this.url, {
        method: "POST",
        redirect: "manual",
        headers: { "Content-Type": "application/json", "X-Tenant-Id": submission.tenant },
        body: new Uint8Array(submission.body),
        signal: timeout.signal,
      });
      const retryAfter = secondsOf(response.headers.get("Retry-After"), Date.now());
      const body = Buffer.from(await response.arrayBuffer().catch(() => new ArrayBuffer(0)));
      return { status: response.status, body, retryAfter };
    } catch {
      return NO_ANSWER;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Makes a frame durable, then true. */
  private write(kind: Kind, id: number, payload: string): number {
    const frame = { kind, id, payload: Buffer.from(payload) };
    this.journal.append(frame);
    this.take(frame);
    return id;
  }

  /** Brings the state up to a frame. */
  private take({ kind, id, payload }: Frame): void {
    const waiting = this.waiting.get(id);
    if (kind === "Q" && !this.letters.has(id)) {
      const { tenant, body } = JSON.parse(payload.toString()) as { tenant: string; body: string };
      this.waiting.set(id, { id, tenant, body: Buffer.from(body, "base64") });
    } else if (kind === "A") {
      this.waiting.delete(id);
    } else if (kind === "D" && waiting) {
      const { status, body } = JSON.parse(payload.toString()) as { status: number; body: string };
      this.letters.set(id, { ...waiting, status, answer: Buffer.from(body, "base64") });
      this.waiting.delete(id);
    } else if (kind === "B") {
      this.sources.add(payload.toString());
    } else if (kind === "E") {
      this.sources.delete(payload.toString());
    }
    this.next = Math.max(this.next, kind === "N" ? id : id + 1);
  }
}

/** Both forms of RFC 9110, section 10.2.3: seconds, or a date. */
export function secondsOf(field: string | null, now: number): number {
  if (field === null) return 0;
  if (/^[0-9]+$/.test(field)) return Number(field);
  const at = Date.parse(field);
  return Number.isNaN(at) ? 0 : Math.max(0, (at - now) / 1000);
}

const OUTCOME = {
  pcs_id: "text",
  digest: "text",
  timestamp: "text",
  region: "text",
  accepted: "boolean",
  escalated: "boolean",
  reason: "text",
  recomputed_D_hat: "number",
  recomputed_budget: "number",
};

/** Trusts nothing but what an answer says of just this record: a portal or a proxy may answer with any status (OUT-6). */
async function meaningOf(body: Buffer, { status, body: said }: Answer): Promise<keyof Summary> {
  const members = said.length > MAX_ANSWER ? undefined : membersOf(said);
  if (members === undefined) return "postponed";
  const isOfRecord = async () => {
    const record = await parse(body);
    if (!has(members, OUTCOME) || textOf(members.get("pcs_id")) !== record.pcs_id) return undefined;
    return textOf(members.get("digest")) === (await contentDigest(record)) ? "same" : "other";
  };
  if (status === 200 || status === 202) return (await isOfRecord()) === "same" ? "acknowledged" : "postponed";
  if (status === 409) return (await isOfRecord()) === "other" ? "dead" : "postponed";
  const isRefusal = [400, 401, 413].includes(status) && has(members, { error: "text", requirement: "text" });
  return isRefusal ? "dead" : "postponed";
}

function membersOf(said: Buffer): ReadonlyMap<string, Json> | undefined {
  try {
    const value = readJson(said);
    return value.kind === "object" ? value.members : undefined;
  } catch {
    return undefined;
  }
}

function has(members: ReadonlyMap<string, Json>, kinds: Readonly<Record<string, string>>): boolean {
  return Object.entries(kinds).every(([name, kind]) => members.get(name)?.kind === kind);
}

function textOf(value: Json | undefined): string | undefined {
  return value?.kind === "text" ? value.text : undefined;
}
