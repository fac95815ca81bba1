import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Delivery, RECORDS, type Records, secondsOf } from "../src/delivery.js";
import { type Frame, frameBytes, type Journal, scan, soundFrame } from "../src/frames.js";
import { contentDigest, type Pcs, parse, summarise, utf8 } from "../src/index.js";
import { FileJournal } from "../src/journal.js";
import { Outbox } from "../src/outbox.js";

const fresh = () => mkdtempSync(join(tmpdir(), "flk-sdk-"));
const record = (epoch: number) =>
  summarise([[0.1], [0.4]], utf8("raw"), { shard_id: "s", epoch, seed: 1, sent_at: new Date(0) });

type Say = (response: ServerResponse, sent: Pcs) => unknown;
const says =
  (status: number, changes: Record<string, unknown> = {}): Say =>
  async (response, sent) => {
    const stated = {
      pcs_id: sent.pcs_id,
      digest: await contentDigest(sent),
      timestamp: "0",
      region: "eu",
      accepted: true,
    };
    const outcome = { escalated: false, reason: "ok", recomputed_D_hat: 1, recomputed_budget: 0.5 };
    response.writeHead(status, { "Retry-After": "7" });
    response.end(JSON.stringify({ ...stated, ...outcome, error: "why", requirement: "REC-1", ...changes }));
  };
const portal: Say = (response) => response.end("<html>Please log in</html>");
const hangUp: Say = (response) => response.destroy();

/** What one round says of one record, after answers of which the last is given again and again; and what was waited and sent. */
async function round(...script: Say[]) {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const say = script[Math.min(bodies.length, script.length - 1)];
    bodies.push(body);
    await say?.(response, await parse(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const waited: number[] = [];
  const sleep = async (milliseconds: number) => waited.push(milliseconds);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const box = new Outbox(fresh(), url, { draw: () => 0.5, sleep });
  await box.add("default", await record(1));
  const summary = await box.deliver();
  assert.equal(box.pending.length, summary.postponed);
  assert.equal(box.deadLetters.length, summary.dead);
  await box.close();
  server.close();
  server.closeAllConnections();
  return { summary, bodies, waited };
}

test("only an answer about the record settles it", async () => {
  const other = { digest: "0000" };
  const expected: [keyof Awaited<ReturnType<typeof round>>["summary"], ...Say[]][] = [
    ["acknowledged", says(200), says(202)],
    ["dead", says(409, other), says(400), says(401), says(413)],
    ["postponed", portal, hangUp, says(429), says(503), says(404), says(302), says(200, other), says(409)],
    ["postponed", says(200, { pcs_id: "0" }), says(200, { reason: 1 }), says(401, { requirement: null })],
  ];
  for (const [end, ...answers] of expected) {
    for (const answer of answers) {
      const { summary, bodies } = await round(answer);
      assert.equal(summary[end], 1, answer.toString());
      assert.equal(bodies.length, end === "postponed" ? 5 : 1);
    }
  }
});

test("Retry-After is honoured on top of the jitter, and the same bytes are sent again", async () => {
  const { summary, bodies, waited } = await round(says(429), says(503), says(200));
  assert.equal(summary.acknowledged, 1);
  assert.deepEqual(waited, [7500, 8000]);
  assert.deepEqual(bodies[0], bodies[2]);
  assert.equal(secondsOf("Thu, 01 Jan 1970 00:01:00 GMT", 0), 60);
});

test("a journal cut anywhere keeps what fits", async () => {
  const directory = fresh();
  const path = (of: string) => join(of, "outbox.journal");
  const box = new Outbox(directory, "http://unused");
  const sizes: number[] = [];
  for (const epoch of [1, 2, 3]) {
    await box.add("default", await record(epoch));
    sizes.push(readFileSync(path(directory)).length);
  }
  await box.close();
  const whole = readFileSync(path(directory));
  for (let cut = 0; cut <= whole.length; cut += 397) {
    const again = fresh();
    writeFileSync(path(again), whole.subarray(0, cut));
    const reopened = new Outbox(again, "http://unused");
    assert.equal(reopened.pending.length, sizes.filter((size) => size <= cut).length, `cut at ${cut}`);
    assert.deepEqual(reopened.damage, []);
    await reopened.close();
    rmSync(again, { recursive: true });
  }
});

/** The bytes with one bit changed, for all bits from one byte to another. */
function* flipped(raw: Buffer, from: number, to: number): Generator<[number, Buffer]> {
  for (let bit = 8 * from; bit < 8 * to; bit += 1) {
    const damaged = Buffer.from(raw);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [bit, damaged];
  }
}

test("every bit that flips shows, and no entry but the last is cut off in silence", () => {
  const directory = fresh();
  const path = join(directory, "outbox.journal");
  const entry = (kind: Frame["kind"], id: number, text: string): Frame => ({ kind, id, payload: utf8(text) });
  const submission = JSON.stringify({ tenant: "a", body: "e30=" });
  const journal = FileJournal.open(directory);
  const added = [entry("B", 1, "a.csv"), entry("Q", 1, submission), entry("A", 1, ""), entry("Q", 2, submission)];
  const ends = [readFileSync(path).length];
  for (const frame of added) {
    journal.append(frame);
    ends.push(readFileSync(path).length);
  }
  journal.close();
  const [whole, written] = [readFileSync(path), [entry("N", 1, ""), ...added]];
  for (const [bit, raw] of flipped(whole, 0, whole.length)) {
    const hit = ends.findIndex((end) => bit >> 3 < end);
    const { frames, damage } = scan(path, raw);
    assert.equal(damage.length, 1, `bit ${bit}, of entry ${hit}`);
    assert.deepEqual(frames, [...written.slice(0, hit), ...written.slice(hit + 1)], `bit ${bit}, of entry ${hit}`);
  }
  for (let cut = 0; cut < whole.length; cut += 1) {
    const fits = ends.filter((end) => end <= cut).length;
    const { frames, damage } = scan(path, whole.subarray(0, cut));
    assert.deepEqual([frames, damage], [written.slice(0, fits), []], `cut at ${cut}`);
    const [begin = 0, end = 0] = [ends[fits - 1], ends[fits]];
    if (cut === begin || end === whole.length) continue;
    const found = Buffer.concat([whole.subarray(0, cut), whole.subarray(end)]); // what was written later shows that it is no cut
    assert.equal(scan(path, found).damage.length, 1, `${end - cut} bytes are gone at ${cut}`);
  }
});

test("the head of one entry and the payload of another are none", () => {
  const directory = fresh();
  const path = join(directory, "outbox.journal");
  const journal = FileJournal.open(directory);
  const ends = [readFileSync(path).length];
  for (const [id, text] of [
    [1, "aaaa"],
    [2, "bbbb"],
  ] as const) {
    journal.append({ kind: "Q", id, payload: utf8(text) });
    ends.push(readFileSync(path).length);
  }
  journal.close();
  const [whole, [first = 0, second = 0, end = 0]] = [readFileSync(path), ends];
  const mixed = Buffer.concat([whole.subarray(first, first + 17), whole.subarray(second + 17, end)]);
  const { frames, damage } = scan(path, Buffer.concat([mixed, whole.subarray(second)]));
  assert.deepEqual([frames.map(({ id }) => id), damage.length], [[2], 1]);
});

test("a length that rotted is no cut", async () => {
  const directory = fresh();
  const path = (of: string) => join(of, "outbox.journal");
  const box = new Outbox(directory, "http://unused");
  await box.add("default", await record(1));
  const begin = readFileSync(path(directory)).length;
  await box.add("default", await record(2));
  await box.close();
  for (const [bit, raw] of flipped(readFileSync(path(directory)), begin + 3, begin + 4)) {
    const again = fresh();
    writeFileSync(path(again), raw);
    const reopened = new Outbox(again, "http://unused");
    assert.deepEqual([reopened.pending.length, reopened.damage.length], [1, 1], `bit ${bit}`);
    await reopened.close();
    rmSync(again, { recursive: true });
  }
});

test("damage is told until its copy is removed, and a source until it is ended", async () => {
  const directory = fresh();
  const path = join(directory, "outbox.journal");
  const box = new Outbox(directory, "http://unused");
  for (const epoch of [1, 2, 3]) await box.add("default", await record(epoch));
  await box.begin("a.csv");
  await box.close();
  const whole = readFileSync(path);
  whole[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 1;
  writeFileSync(path, whole);
  for (let run = 0; run < 3; run += 1) {
    const again = new Outbox(directory, "http://unused");
    assert.deepEqual([again.pending.length, again.damage.length, again.unfinished], [2, 1, ["a.csv"]]);
    assert.throws(() => new Outbox(directory, "http://unused"), /has the outbox open/);
    await again.close();
  }
  const [copy = ""] = readdirSync(directory).filter((name) => name.startsWith("outbox.damaged-"));
  rmSync(join(directory, copy));
  const last = new Outbox(directory, "http://unused");
  assert.deepEqual(last.damage, []);
  await last.end("a.csv");
  assert.deepEqual(last.unfinished, []);
  await last.close();
});

test("a signal ends a round and nothing is lost", async () => {
  const box = new Outbox(fresh(), "http://127.0.0.1:9");
  await box.add("default", await record(1));
  await assert.rejects(box.deliver(AbortSignal.timeout(50)));
  assert.equal(box.pending.length, 1);
  await box.close();
});

/** A journal as a page has one: it takes a while, and fails when it is told to. */
class Slow implements Journal {
  readonly frames: Frame[] = [];
  readonly damage = [];
  fails = false;
  private last: Promise<unknown> = Promise.resolve();

  async append(frame: Frame): Promise<void> {
    const before = this.last;
    const turn = before.then(() => new Promise((over) => setTimeout(over, 2)));
    this.last = turn;
    await turn;
    if (this.fails) throw new Error("no room");
    this.frames.push(frame);
  }

  close(): void {}
}

class SlowOutbox extends Delivery {
  constructor(journal: Journal, records = RECORDS) {
    super(journal, "http://127.0.0.1:9", { draw: () => 0, sleep: async () => undefined }, records);
  }
}

test("what is added at once gets ids of its own, and counts when it is durable", async () => {
  const journal = new Slow();
  const box = new SlowOutbox(journal);
  const adding = Promise.all([1, 2, 3].map(async (epoch) => box.add("default", await record(epoch))));
  assert.equal(box.pending.length, 0);
  assert.equal(new Set(await adding).size, 3);
  const kept = new SlowOutbox(journal);
  assert.deepEqual(kept.pending, box.pending);
});

test("what the journal does not take is an error and not queued", async () => {
  const journal = new Slow();
  const box = new SlowOutbox(journal);
  await box.begin("a.csv");
  journal.fails = true;
  await assert.rejects(box.add("default", await record(1)), /no room/);
  await assert.rejects(box.end("a.csv"), /no room/);
  assert.deepEqual([box.pending, box.unfinished], [[], ["a.csv"]]);
  journal.fails = false;
  await box.add("default", await record(2));
  assert.deepEqual(new SlowOutbox(journal).pending, box.pending);
});

test("another SDK's records are asked, not this one's", async () => {
  const asked: string[] = [];
  const body = utf8('{"pcs_id":"its own"}');
  const its = {
    parse: (given: Uint8Array) => asked.push(`parse ${given === body}`) && { pcs_id: "its own" },
    encode: (given: Pcs) => asked.push(`encode ${given.shard_id}`) && body,
    contentDigest: () => "",
  };
  const box = new SlowOutbox(new Slow(), its as unknown as Records);
  await box.add("default", await record(1));
  assert.deepEqual([asked, box.pending[0]?.body], [["encode s", "parse true"], body]);
});

test("a row of a database is one sound frame or none", () => {
  const frame: Frame = { kind: "Q", id: 7, payload: utf8("text") };
  const row = frameBytes(frame);
  assert.deepEqual(soundFrame(row), frame);
  for (let bit = 0; bit < 8 * row.length; bit += 1) {
    const damaged = row.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(soundFrame(damaged), undefined, `bit ${bit}`);
  }
  for (const other of [Buffer.concat([row, row]), row.slice(1), row.slice(0, -1), new Uint8Array(), "text", null, 7]) {
    assert.equal(soundFrame(other), undefined);
  }
});

test("an answer without end is read no further than one of the service's may be long", async () => {
  let sent = 0;
  const endless: Say = (response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 16, " "))) sent += 2 ** 16;
    };
    response.on("drain", more);
    more();
  };
  const { summary } = await round(endless, says(200));
  assert.equal(summary.acknowledged, 1);
  assert.ok(sent < 2 ** 26, `${sent} bytes`);
});
