/** An input breaks a requirement of the specification. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  /**
   * @param requirement its id, such as `REC-5`
   * @param detail a sentence for people
   * @param field the record's field at fault; null where no one field is
   */
  constructor(
    readonly requirement: string,
    detail: string,
    readonly field: string | null = null,
  ) {
    super(`${requirement}: ${detail}`);
  }
}
