import { type Bytes, base64, hex, unbase64, webCrypto } from "./bytes.js";
import { canonicalBytes, type Judged, type Pcs, type Profile, type Signed } from "./record.js";
import { Refusal } from "./refusal.js";

/** How a key signs (SIGN-2, SIGN-3). */
export type Algorithm = "hmac-sha256" | "ed25519";

/** Makes signatures of messages, not of digests of them (SIGN-1). */
export interface SigningKey {
  sign(message: Bytes): Promise<Bytes>;
}

/** Tells whether a signature is its own. */
export interface VerifyingKey {
  verifies(message: Bytes, signature: Bytes): Promise<boolean>;
}

const HMAC = { name: "HMAC", hash: "SHA-256" };
const ED25519 = { name: "Ed25519" };
const PKCS8_OF_SEED = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]; // RFC 8410, section 7

/** A key that signs: of the secret, which for Ed25519 is the 32-byte seed. */
export async function signingKey(algorithm: Algorithm, secret: Uint8Array): Promise<SigningKey> {
  const { subtle } = await webCrypto();
  const isHmac = algorithm === "hmac-sha256";
  if (!isHmac && secret.length !== 32) throw new TypeError(`a seed of Ed25519 has 32 bytes, not ${secret.length}`);
  const key = isHmac
    ? await subtle.importKey("raw", new Uint8Array(secret), HMAC, false, ["sign"])
    : await subtle.importKey("pkcs8", Uint8Array.of(...PKCS8_OF_SEED, ...secret), ED25519, false, ["sign"]);
  return { sign: async (message) => new Uint8Array(await subtle.sign(key.algorithm.name, key, message)) };
}

/**
 * A key that verifies: of the secret, or of the 32-byte public key. MACs are compared in constant time (SIGN-5). Points of
 * small order, under which one signature fits many messages, and those that RFC 8032 does not decode are refused.
 */
export async function verifyingKey(algorithm: Algorithm, material: Uint8Array): Promise<VerifyingKey> {
  const { subtle } = await webCrypto();
  if (algorithm === "hmac-sha256") {
    const key = await subtle.importKey("raw", new Uint8Array(material), HMAC, false, ["verify"]);
    return { verifies: (message, signature) => subtle.verify("HMAC", key, signature, message) };
  }
  if (material.length !== 32) throw new TypeError(`a public key of Ed25519 has 32 bytes, not ${material.length}`);
  if (isWeakPoint(material)) throw new TypeError("the public key is a point of small order or not a canonical one");
  const key = await subtle.importKey("raw", new Uint8Array(material), ED25519, false, ["verify"]);
  return {
    verifies: async (message, signature) =>
      signature.length === 64 && !isWeakPoint(signature) && subtle.verify(ED25519, key, signature, message),
  };
}

/** The y coordinates of the points of order 4, 1, 2, 8 and 8, little-endian, the sign of x left out. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** Whether an encoded point has small order or a y that is not below 2^255 - 19. */
function isWeakPoint(encoded: Uint8Array): boolean {
  const y = encoded.slice(0, 32);
  y[31] = (y[31] ?? 0) & 0x7f;
  const isBeyond = (y[0] ?? 0) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return isBeyond || SMALL_ORDER.has(hex(y));
}

/** The value of a record's `sig`, under a profile that covers all that is judged unless another is asked for (C14N-9). */
export async function sign(key: SigningKey, record: Signed | Judged, profile: Profile = "judged"): Promise<string> {
  return base64(await key.sign(canonicalBytes(record, profile)));
}

/** The record with its signature. */
export async function signed(record: Pcs, key: SigningKey): Promise<Pcs> {
  return { ...record, sig: await sign(key, record) };
}

/** A key and the seconds since 1970 between which it counts, the first included and the last not (SIGN-4). */
export interface LiveKey {
  readonly key: VerifyingKey;
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** Each tenant's keys, several of them while they rotate. */
export type Keys = ReadonlyMap<string, readonly LiveKey[]>;

/**
 * Fulfils if a key of the tenant itself (SIGN-7) that is live `at` the time of the record's log entry, in seconds since
 * 1970, made `sig`; else rejects with a Refusal of SIGN-6, which does not say what came close.
 */
export async function authenticate(
  keys: Keys,
  tenant: string,
  record: Signed | Judged,
  sig: string,
  at: number,
  profiles: readonly Profile[] = ["fixed9", "judged"],
): Promise<void> {
  const signature = unbase64(sig);
  const live = (keys.get(tenant) ?? []).filter(
    ({ notBefore = 0, notAfter = Number.POSITIVE_INFINITY }) => notBefore <= at && at < notAfter,
  );
  for (const profile of signature ? profiles : []) {
    const message = formOf(record, profile);
    for (const { key } of message ? live : []) {
      if (message && signature && (await key.verifies(message, signature))) return;
    }
  }
  throw new Refusal("SIGN-6", "no live key of this tenant made this signature", "sig");
}

/** The canonical bytes; undefined for a record that has none, which nobody has signed. */
function formOf(record: Signed | Judged, profile: Profile): Bytes | undefined {
  try {
    return canonicalBytes(record, profile);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
