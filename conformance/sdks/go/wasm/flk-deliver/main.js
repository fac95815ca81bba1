/**
 * Delivers what the conformance kit gives it, through the outbox of the SDK for TypeScript, whose `dist/src` is here as `flk-sdk`:
 * `flk conform delivery -- flk conform browser --profile /tmp/profile --root dist dist/flk-deliver/main.js`
 */
import { load } from "../flk.js";
import { Outbox } from "../flk-sdk/outbox-browser.js";

const flk = await load(fetch(new URL("../flk.wasm", import.meta.url)));
const raw = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** A round of the outbox that a question names. */
async function deliver(q) {
  const sleep = (milliseconds) => fetch(`${q.clock}?seconds=${milliseconds / 1000}`).then((said) => said.text());
  const chance = { draw: Math.random, sleep, timeout: 1000 * q.timeout };
  const key = new flk.SigningKey(q.key.algorithm, raw(q.key.secret));
  const box = await Outbox.open(q.outbox, q.url, { records: flk, chance });
  try {
    for (const given of q.records) {
      const record = flk.parse(new TextEncoder().encode(JSON.stringify(given)));
      await box.add(q.tenant, { ...record, sig: key.sign(record, q.profile) });
    }
    return { ...(await box.deliver()), letters: box.deadLetters.length, damage: box.damage.length };
  } finally {
    await box.close();
  }
}

const HELLO = { protocol: 1, name: "flk-sdk", version: "0.1", language: "WebAssembly", operations: ["deliver"] };

/** The answer to a line of the kit. */
export async function answer(line) {
  const { hello, bye, run, input } = JSON.parse(line);
  if (hello || bye) return JSON.stringify(hello ? { hello: HELLO } : { bye });
  return JSON.stringify(
    await deliver(input).then(
      (value) => ({ seq: run, value }),
      (error) => ({ seq: run, crash: String(error) }),
    ),
  );
}
