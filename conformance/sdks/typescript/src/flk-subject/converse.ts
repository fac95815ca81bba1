import { createInterface } from "node:readline";

/** Answers the lines of stdin on stdout, one after another, up to the kit's bye. */
export async function converse(answer: (line: string) => Promise<string>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${await answer(line)}\n`);
    if ("bye" in JSON.parse(line)) break;
  }
}
