/**
 * The same from a page, whose outbox outlives it in a profile:
 * `flk conform delivery -- flk conform browser --profile /tmp/profile --root dist/src dist/src/flk-deliver/page.js`
 */
import { Outbox } from "../outbox-browser.js";
import { delivering } from "./deliver.js";

export const answer = delivering((q, chance) => Outbox.open(q.outbox, q.url, { chance }));
