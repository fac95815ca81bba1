/** How the kit writes what JSON has no type for. */
import * as flk from "../index.js";

// biome-ignore lint/suspicious/noExplicitAny: the kit's schema says what a question holds
export type Question = any;

/** Bytes are base64. */
export const raw = (text: string): Uint8Array<ArrayBuffer> => flk.unbase64(text) ?? new Uint8Array();
/** A text that UTF-8 cannot carry is a list of UTF-16 units. */
const text = (given: string | number[]): string => (Array.isArray(given) ? String.fromCharCode(...given) : given);
/** Signed fields that need not be valid. */
export const record = (given: Question): flk.Judged => ({
  ...given,
  ...Object.fromEntries(["D_hat", "budget", "coh_star", "r"].map((name) => [name, Number(given[name])])),
  ...Object.fromEntries(["merkle_root", "pcs_id", "shard_id"].map((name) => [name, text(given[name])])),
});

/** The live keys of each tenant; one that the SDK refuses verifies nothing. */
export async function keysOf(given: Question): Promise<flk.Keys> {
  const tenants = Object.entries<Question>(given).map(async ([tenant, keys]) => {
    const live = keys.map(
      async ({ algorithm, key, not_before = 0, not_after = Number.POSITIVE_INFINITY }: Question) => ({
        key: await flk.verifyingKey(algorithm, raw(key)).catch(() => ({ verifies: async () => false })),
        notBefore: not_before,
        notAfter: not_after,
      }),
    );
    return [tenant, await Promise.all<flk.LiveKey>(live)] as const;
  });
  return new Map(await Promise.all(tenants));
}
