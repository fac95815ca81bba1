/** Delivers what the conformance kit gives it: `flk conform delivery -- node dist/src/flk-deliver/main.js` */
import { converse } from "../flk-subject/converse.js";
import { Outbox } from "../outbox.js";
import { delivering } from "./deliver.js";

await converse(delivering((q, chance) => new Outbox(q.outbox, q.url, chance)));
