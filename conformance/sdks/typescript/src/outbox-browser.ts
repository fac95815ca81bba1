/**
 * Delivers records at least once from a page or a worker: they are durable in the browser's database before they are sent and stay
 * queued, through reloads and kills, until the service has stored their outcome or refused them for good (OUT-*).
 *
 * The service must let pages of this origin read its answers, `Retry-After` among them (HTTP-11).
 *
 * @module
 */
import { DatabaseJournal } from "./database.js";
import { CHANCE, type Chance, Delivery, RECORDS, type Records } from "./delivery.js";

export type { Chance, DeadLetter, Records, Submission, Summary } from "./delivery.js";
export type { Damage } from "./frames.js";

/** A database of submissions for one service; one page of an origin at a time has it open. */
export class Outbox extends Delivery {
  private constructor(
    private readonly database: DatabaseJournal,
    url: string | URL,
    chance: Chance,
    records: Records,
  ) {
    super(database, url, chance, records);
  }

  /**
   * Opens the outbox of that name, which is made if there is none, and repairs what it must: see `damage`. `records` are this SDK's, or
   * those of another, such as `flk-sdk-wasm`. Rejects if another page has it open.
   */
  static async open(name: string, url: string | URL, { records = RECORDS, chance = CHANCE } = {}): Promise<Outbox> {
    return new Outbox(await DatabaseJournal.open(name), url, chance, records);
  }

  /** Removes what tells of damage, once whoever gave the records knows of it: in Node that is a file. */
  async forgetDamage(): Promise<void> {
    await this.database.forget();
  }
}
