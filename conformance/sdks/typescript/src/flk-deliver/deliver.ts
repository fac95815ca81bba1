/** The kit's operation `deliver`, of an outbox of any platform. */
import type { Chance, Delivery } from "../delivery.js";
import { answering } from "../flk-subject/answering.js";
import type { Question } from "../flk-subject/forms.js";
import * as flk from "../index.js";

const HELLO = { protocol: 1, name: "flk-sdk", version: flk.VERSION, language: "TypeScript" };

/** What answers the kit's lines by rounds of the outbox that a question names. */
export const delivering = (open: (q: Question, chance: Chance) => Delivery | Promise<Delivery>) =>
  answering(HELLO, {
    deliver: async (q) => {
      const sleep = (milliseconds: number) =>
        fetch(`${q.clock}?seconds=${milliseconds / 1000}`).then((said) => said.text());
      const key = await flk.signingKey(q.key.algorithm, flk.unbase64(q.key.secret) ?? new Uint8Array());
      const box = await open(q, { draw: Math.random, sleep, timeout: 1000 * q.timeout });
      try {
        for (const given of q.records) {
          const record = await flk.parse(flk.utf8(JSON.stringify(given)));
          await box.add(q.tenant, { ...record, sig: await flk.sign(key, record, q.profile) });
        }
        return { ...(await box.deliver()), letters: box.deadLetters.length, damage: box.damage.length };
      } finally {
        await box.close();
      }
    },
  });
