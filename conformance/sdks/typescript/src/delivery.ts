import { base64, joined, unbase64, utf8 } from "./bytes.js";
import { type Damage, type Frame, type Journal, type Kind, textOf } from "./frames.js";
import { type Json, readJson } from "./json.js";
import { parse } from "./parse.js";
import { pause } from "./pause.js";
import { contentDigest, encode, type Pcs } from "./record.js";

const MAX_ATTEMPTS = 5; // to a round (OUT-2)
const TIMEOUT = 30_000; // milliseconds for one request
const MAX_ANSWER = 2 ** 20; // bytes
const TENANT = /^[A-Za-z0-9._-]{1,64}$/;

/** What is sent: the tenant it speaks for and the body, exactly as it is queued. */
export interface Submission {
  readonly id: number;
  readonly tenant: string;
  readonly body: Uint8Array;
}

/** A submission that the service refused for good, and the answer that says so (OUT-5). */
export interface DeadLetter extends Submission {
  readonly status: number;
  readonly answer: Uint8Array;
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

/** What an outbox asks of records: of this SDK, or of another, as `flk-sdk-wasm`. */
export interface Records {
  parse(body: Uint8Array): Pcs | Promise<Pcs>;
  encode(record: Pcs): Uint8Array;
  contentDigest(record: Pcs): string | Promise<string>;
}

export const CHANCE: Chance = { draw: Math.random, sleep: wait };
export const RECORDS: Records = { parse, encode, contentDigest };

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly retryAfter: number;
}

const NO_ANSWER: Answer = { status: 0, body: new Uint8Array(), retryAfter: 0 };

/** The submissions of a journal for one service, on any platform. */
export class Delivery {
  private readonly url: URL;
  private readonly waiting = new Map<number, Submission>();
  private readonly letters = new Map<number, DeadLetter>();
  private readonly sources = new Set<string>();
  private next = 1;
  private round: Promise<unknown> = Promise.resolve();

  protected constructor(
    private readonly journal: Journal,
    url: string | URL,
    private readonly chance: Chance,
    private readonly records: Records,
  ) {
    try {
      this.url = new URL(`${String(url).replace(/\/$/, "")}/v1/pcs/submit`);
      for (const frame of journal.frames) this.take(frame);
    } catch (error) {
      journal.close();
      throw error;
    }
  }

  /** Makes a signed record durable, exactly as it will be sent (OUT-1); its id in the outbox. */
  async add(tenant: string, record: Pcs): Promise<number> {
    if (!TENANT.test(tenant))
      throw new TypeError(`a tenant matches ${TENANT}, which ${JSON.stringify(tenant)} does not`);
    const body = this.records.encode(record);
    await this.records.parse(body);
    return this.write("Q", this.given(), JSON.stringify({ tenant, body: base64(body) }));
  }

  /** Notes that records of a source are added from here on; until `end` it is one of `unfinished` (OUT-7). */
  async begin(source: string): Promise<void> {
    await this.write("B", this.given(), source);
  }

  /** Notes that all records of a source were added. */
  async end(source: string): Promise<void> {
    await this.write("E", this.given(), source);
  }

  /** The sources that were begun and not ended: send them again, for what is stored already is a duplicate. */
  get unfinished(): readonly string[] {
    return [...this.sources].sort();
  }

  /** What of the journal is corrupt, each time it is opened, until what tells of it is removed (OUT-7). */
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

  /** Lets others open the outbox, after the round that is under way: abort its signal first. */
  async close(): Promise<void> {
    await this.round;
    this.journal.close();
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
      const said = await meaningOf(this.records, submission.body, answer);
      if (said === "acknowledged") await this.write("A", submission.id, "");
      if (said === "dead") {
        await this.write("D", submission.id, JSON.stringify({ status: answer.status, body: base64(answer.body) }));
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
      return { status: response.status, body: await bodyOf(response).catch(() => NO_ANSWER.body), retryAfter };
    } catch {
      return NO_ANSWER;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The id of what is written next, which nothing else gets. */
  private given(): number {
    this.next += 1;
    return this.next - 1;
  }

  /** Makes a frame durable, then true. */
  private async write(kind: Kind, id: number, text: string): Promise<number> {
    const frame = { kind, id, payload: utf8(text) };
    await this.journal.append(frame);
    this.take(frame);
    return id;
  }

  /** Brings the state up to a frame. */
  private take(frame: Frame): void {
    const { kind, id } = frame;
    const waiting = this.waiting.get(id);
    if (kind === "Q" && !this.letters.has(id)) {
      const { tenant, body } = JSON.parse(textOf(frame)) as { tenant: string; body: string };
      this.waiting.set(id, { id, tenant, body: bytesOf(body) });
    } else if (kind === "A") {
      this.waiting.delete(id);
    } else if (kind === "D" && waiting) {
      const { status, body } = JSON.parse(textOf(frame)) as { status: number; body: string };
      this.letters.set(id, { ...waiting, status, answer: bytesOf(body) });
      this.waiting.delete(id);
    } else if (kind === "B") {
      this.sources.add(textOf(frame));
    } else if (kind === "E") {
      this.sources.delete(textOf(frame));
    }
    this.next = Math.max(this.next, kind === "N" ? id : id + 1);
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = unbase64(text);
  if (bytes === undefined) throw new TypeError("a sound frame holds no base64");
  return bytes;
}

/** The body of an answer, as far as one of the service's may be long. Rejects if it breaks off. */
async function bodyOf(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = response.body?.getReader();
  for (let size = 0; size <= MAX_ANSWER; size += parts.at(-1)?.length ?? 0) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done) return joined(parts);
    parts.push(value);
  }
  await reader?.cancel();
  return NO_ANSWER.body;
}

/** Waits so long, unless the signal aborts. */
function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((over, aborted) => {
    const abort = () => {
      clearTimeout(timer);
      aborted(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      over();
    }, milliseconds);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
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
async function meaningOf(records: Records, body: Uint8Array, { status, body: said }: Answer): Promise<keyof Summary> {
  const members = membersOf(said);
  if (members === undefined) return "postponed";
  const isOfRecord = async () => {
    const record = await records.parse(body);
    if (!has(members, OUTCOME) || stated(members.get("pcs_id")) !== record.pcs_id) return undefined;
    return stated(members.get("digest")) === (await records.contentDigest(record)) ? "same" : "other";
  };
  if (status === 200 || status === 202) return (await isOfRecord()) === "same" ? "acknowledged" : "postponed";
  if (status === 409) return (await isOfRecord()) === "other" ? "dead" : "postponed";
  const isRefusal = [400, 401, 413].includes(status) && has(members, { error: "text", requirement: "text" });
  return isRefusal ? "dead" : "postponed";
}

function membersOf(said: Uint8Array): ReadonlyMap<string, Json> | undefined {
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

function stated(value: Json | undefined): string | undefined {
  return value?.kind === "text" ? value.text : undefined;
}
