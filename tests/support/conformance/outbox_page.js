// What tests ask a page: a line is the body of a function, which finds the SDK and these helpers, and returns what JSON can carry.
import * as flk from "./sdk-typescript/dist/src/index.js";
import { Outbox } from "./sdk-typescript/dist/src/outbox-browser.js";

const SECRET = flk.utf8("testsecret");
const NAME = "box";
const HELPERS = { flk, Outbox, opened, signed, queued, rows, change, witnessed, cleared };
const AsyncFunction = (async () => {}).constructor;
let wasm;

/** The SDK in WebAssembly, loaded once. */
async function webassembly() {
  const { load } = await import("./sdk-go-wasm/flk.js");
  wasm ??= await load(fetch("/sdk-go-wasm/flk.wasm"));
  return wasm;
}

/** The outbox of the SDK of that name, whose pauses are short. */
async function opened(url = "http://127.0.0.1:9", sdk = "typescript") {
  const records = sdk === "webassembly" ? await webassembly() : flk;
  const sleep = () => new Promise((over) => setTimeout(over, 5));
  return Outbox.open(NAME, url, { records, chance: { draw: Math.random, sleep } });
}

/** The signed record of an epoch, made by the SDK of that name. */
async function signed(epoch, sdk) {
  const data = [[[0.1, 0.2], [0.4, epoch / 1000]], flk.utf8("raw"), { shard_id: "page", epoch, seed: epoch, sent_at: new Date(0) }];
  if (sdk !== "webassembly") return flk.signed(await flk.summarise(...data), await flk.signingKey("hmac-sha256", SECRET));
  const { summarise, SigningKey } = await webassembly();
  const record = summarise(...data);
  return { ...record, sig: new SigningKey("hmac-sha256", SECRET).sign(record) };
}

/** Adds the records of epochs, and says of each on the console that it is durable. */
async function queued(box, from, to, sdk) {
  for (let epoch = from; epoch < to; epoch += 1) {
    await box.add("default", await signed(epoch, sdk));
    console.info(`durable ${epoch}`);
  }
}

const asked = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

/** The store of frames in a transaction of its own, whoever has the outbox open. */
async function frames(use) {
  const database = await asked(indexedDB.open(`flk outbox ${NAME}`));
  try {
    return await use(database.transaction("frames", "readwrite").objectStore("frames"));
  } finally {
    database.close();
  }
}

/** The numbers of the rows. */
function rows() {
  return frames((store) => asked(store.getAllKeys()));
}

/** Puts what `by` makes of a row in its place, or nothing if that is undefined. */
function change(key, by) {
  return frames(async (store) => {
    const made = by(await asked(store.get(key)));
    await asked(made === undefined ? store.delete(key) : store.put(made, key));
  });
}

/** Waits until the witness knows the last row, or for a second, since one with a defect never does. */
async function witnessed() {
  const last = (await rows()).at(-1);
  const known = async () => (await caches.match("/flk-outbox", { cacheName: `flk outbox ${NAME}` }))?.text();
  const end = Date.now() + 1000;
  while ((await known()) !== String(last) && Date.now() < end) await new Promise((over) => setTimeout(over, 5));
}

/** Forgets the outbox, and that there was one. */
async function cleared() {
  await asked(indexedDB.deleteDatabase(`flk outbox ${NAME}`));
  await caches.delete(`flk outbox ${NAME}`);
}

export const answer = async (line) =>
  JSON.stringify(await new AsyncFunction(...Object.keys(HELPERS), line)(...Object.values(HELPERS))) ?? "null";
