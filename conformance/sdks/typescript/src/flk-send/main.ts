/**
 * Turns data into signed records and delivers them through an outbox.
 *
 * Each line of the input is a JSON object of points, raw (base64), shard_id, epoch and seed. The key is read from the
 * environment: FLK_SECRET, in base64. Prints what became of the submissions, and ends with 0 if none is left.
 */
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { type Algorithm, signed, signingKey, summarise, unbase64 } from "../index.js";
import { Outbox } from "../outbox.js";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8080" },
    tenant: { type: "string", default: "default" },
    algorithm: { type: "string", default: "hmac-sha256" },
    outbox: { type: "string", default: "outbox" },
  },
});
const { url = "", tenant = "", algorithm = "", outbox = "" } = values;
const bytes = (text: string) => unbase64(text) ?? new Uint8Array();

const key = await signingKey(algorithm as Algorithm, bytes(process.env.FLK_SECRET ?? ""));
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
const box = new Outbox(outbox, url);
for (const { file, offset, length } of box.damage)
  console.error(`${length} bytes from ${offset} of ${file} are corrupt`);
for await (const line of createInterface({ input: process.stdin })) {
  const { points, raw, shard_id, epoch, seed } = JSON.parse(line);
  const record = await summarise(points, bytes(raw), { shard_id, epoch, seed, sent_at: new Date() });
  await box.add(tenant, await signed(record, key));
}
const { acknowledged, dead, postponed } = await box.deliver(stop.signal);
await box.close();
console.log(`acknowledged ${acknowledged}, dead ${dead}, postponed ${postponed}`);
process.exitCode = dead + postponed > 0 ? 1 : 0;
