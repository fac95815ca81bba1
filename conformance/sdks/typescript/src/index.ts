/**
 * Makes, signs, checks and judges Proof-of-Computation Summaries, in Node and in browsers: `summarise` data, `signed` the
 * record, `encode` it; whoever receives a body calls `parse` and `authenticate`. Outboxes need a disk: see `flk-sdk/outbox`.
 *
 * @module
 */
export { base64, hex, unbase64, unhex, utf8 } from "./bytes.js";
export { fixed9, nano, round9 } from "./decimal.js";
export * from "./merkle.js";
export { parse } from "./parse.js";
export { pause } from "./pause.js";
export * from "./record.js";
export { Refusal } from "./refusal.js";
export * from "./signals.js";
export * from "./signing.js";
export { type About, summarise } from "./summarise.js";
