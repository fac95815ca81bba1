/** Answers questions of the conformance kit by how often it could, one after another, in so many seconds. */
import { load, Refusal } from "../flk.js";

const flk = await load(fetch(new URL("../flk.wasm", import.meta.url)));

const BATCH = 16; // between looks at the clock
const raw = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** What is repeated, made once of a question. */
const OPERATIONS = {
  sign: ({ key, record, profile }) => {
    const signer = new flk.SigningKey(key.algorithm, raw(key.secret));
    return () => signer.sign(record, profile);
  },
  authenticate: ({ keys, record, sig, tenant, at, profiles }) => {
    const live = keys[tenant].map(({ algorithm, key }) => ({ key: new flk.VerifyingKey(algorithm, raw(key)) }));
    const [ring, signed, moment] = [
      new flk.Keyring({ [tenant]: live }, profiles),
      { ...record, sig },
      new Date(1000 * at),
    ];
    return () => {
      ring.authenticate(tenant, signed, moment);
      return true;
    };
  },
};

/** Repeats an operation; its last value shows that it was done. */
function timed(seconds, operation) {
  const start = performance.now();
  for (let count = BATCH; ; count += BATCH) {
    for (let i = 1; i < BATCH; i += 1) operation();
    const value = operation();
    const spent = (performance.now() - start) / 1000;
    if (spent >= seconds) return { count, seconds: spent, value };
  }
}

const about = { protocol: 1, name: "flk-sdk", version: "0.1", language: "WebAssembly" };

/** The answer to a line. */
export function answer(line) {
  const { hello, bye, run, operation, input } = JSON.parse(line);
  if (hello) return JSON.stringify({ hello: { ...about, operations: Object.keys(OPERATIONS) } });
  if (bye) return JSON.stringify({ bye });
  try {
    return JSON.stringify({ seq: run, value: timed(input.seconds, OPERATIONS[operation](input)) });
  } catch (error) {
    const refused = { seq: run, error: error.requirement, field: error.field };
    return JSON.stringify(error instanceof Refusal ? refused : { seq: run, crash: String(error) });
  }
}
