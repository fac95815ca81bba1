/**
 * Delivers records at least once: they are durable before they are sent and stay queued, through restarts and kills, until
 * the service has stored their outcome or refused them for good (OUT-*). For Node, since it needs a disk; pages have
 * `flk-sdk/outbox-browser`.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CHANCE, type Chance, Delivery, RECORDS } from "./delivery.js";
import type { Journal } from "./frames.js";
import { FileJournal, lock, synchronise } from "./journal.js";

export type { Chance, DeadLetter, Submission, Summary } from "./delivery.js";
export type { Damage } from "./frames.js";

/** A directory of submissions for one service; one process at a time has it open. */
export class Outbox extends Delivery {
  /** Opens the outbox in a directory, which is made if there is none, and repairs what a crash left: see `damage`. */
  constructor(directory: string, url: string | URL, chance: Chance = CHANCE) {
    super(open(directory), url, chance, RECORDS);
  }
}

function open(directory: string): Journal {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  synchronise(dirname(resolve(directory)));
  const unlock = lock(directory);
  try {
    const file = FileJournal.open(directory);
    const close = () => {
      file.close();
      unlock();
    };
    return { frames: file.frames, damage: file.damage, append: (frame) => file.append(frame), close };
  } catch (error) {
    unlock();
    throw error;
  }
}
