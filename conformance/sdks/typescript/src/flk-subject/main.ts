/** Answers the questions of the conformance kit: `flk conform sdk -- node dist/src/flk-subject/main.js` */
import { createInterface } from "node:readline";
import { answer } from "./subject.js";

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await answer(line)}\n`);
  if ("bye" in JSON.parse(line)) break;
}
