/** Answers questions of the conformance kit by how often it could, one after another, in so many seconds. */
import { answering } from "../flk-subject/answering.js";
import { keysOf, raw, record } from "../flk-subject/forms.js";
import * as flk from "../index.js";

const BATCH = 16; // between looks at the clock

/** Repeats an operation; its last value shows that it was done. */
async function timed<T>(seconds: number, operation: () => Promise<T>): Promise<object> {
  const start = performance.now();
  for (let count = BATCH; ; count += BATCH) {
    for (let i = 1; i < BATCH; i += 1) await operation();
    const value = await operation();
    const spent = (performance.now() - start) / 1000;
    if (spent >= seconds) return { count, seconds: spent, value };
  }
}

const HELLO = { protocol: 1, name: "flk-sdk", version: flk.VERSION, language: "TypeScript" };

/** The answer to a line, in Node or in a page. */
export const answer = answering(HELLO, {
  sign: async (q) => {
    const [key, fields] = [await flk.signingKey(q.key.algorithm, raw(q.key.secret)), record(q.record)];
    return timed(q.seconds, () => flk.sign(key, fields, q.profile));
  },
  authenticate: async (q) => {
    const [keys, fields] = [await keysOf(q.keys), record(q.record)];
    return timed(q.seconds, () => flk.authenticate(keys, q.tenant, fields, q.sig, q.at, q.profiles).then(() => true));
  },
});
