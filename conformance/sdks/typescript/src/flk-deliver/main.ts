/** Delivers what the conformance kit gives it: `flk conform delivery -- node dist/src/flk-deliver/main.js` */
import { answering } from "../flk-subject/answering.js";
import { converse } from "../flk-subject/converse.js";
import type { Question } from "../flk-subject/forms.js";
import * as flk from "../index.js";
import { Outbox } from "../outbox.js";

async function deliver(q: Question): Promise<object> {
  const sleep = (milliseconds: number) =>
    fetch(`${q.clock}?seconds=${milliseconds / 1000}`).then((said) => said.text());
  const key = await flk.signingKey(q.key.algorithm, flk.unbase64(q.key.secret) ?? new Uint8Array());
  const box = new Outbox(q.outbox, q.url, { draw: Math.random, sleep, timeout: 1000 * q.timeout });
  try {
    for (const given of q.records) {
      const record = await flk.parse(flk.utf8(JSON.stringify(given)));
      await box.add(q.tenant, { ...record, sig: await flk.sign(key, record, q.profile) });
    }
    return { ...(await box.deliver()), letters: box.deadLetters.length, damage: box.damage.length };
  } finally {
    await box.close();
  }
}

const HELLO = { protocol: 1, name: "flk-sdk", version: flk.VERSION, language: "TypeScript" };

await converse(answering(HELLO, { deliver }));
