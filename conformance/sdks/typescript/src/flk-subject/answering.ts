/** What becomes of a line of the kit, whatever is asked. */
import * as flk from "../index.js";
import type { Question } from "./forms.js";

/** Each answers a question. A Refusal says which requirement the input breaks; another error is a failure of the subject. */
export type Operations = Record<string, (q: Question) => unknown>;

/** Answers lines by a table of operations; `hello` says who answers, in the kit's own form. */
export function answering(hello: object, operations: Operations): (line: string) => Promise<string> {
  return async (line) => {
    const { run, operation, input, bye } = JSON.parse(line);
    if (run === undefined) {
      return JSON.stringify(bye ? { bye } : { hello: { ...hello, operations: Object.keys(operations) } });
    }
    try {
      return JSON.stringify({ seq: run, value: await operations[operation]?.(input) });
    } catch (error) {
      const refused = error instanceof flk.Refusal;
      const why = refused ? { error: error.requirement, field: error.field } : { crash: String(error) };
      return JSON.stringify({ seq: run, ...why });
    }
  };
}
