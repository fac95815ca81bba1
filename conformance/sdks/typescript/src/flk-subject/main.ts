/** Answers the questions of the conformance kit: `flk conform sdk -- node dist/src/flk-subject/main.js` */
import { converse } from "./converse.js";
import { answer } from "./subject.js";

await converse(answer);
