/** Bytes that no other thread shares, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The UTF-8 of a text. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/** Lowercase hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of hexadecimal digits. Throws a TypeError for anything else. */
export function unhex(text: string): Bytes {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new TypeError("this is not hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const word = (a << 16) | (b << 8) | c;
    for (const shift of [18, 12, 6, 0]) text += ALPHABET.charAt((word >> shift) & 63);
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  return text.slice(0, text.length - missing) + "=".repeat(missing);
}

/** The bytes of their one base64 text; undefined for any other text (SIGN-6). */
export function unbase64(text: string): Bytes | undefined {
  const digits = Array.from(text.replace(/=*$/, ""), (digit) => ALPHABET.indexOf(digit));
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  for (let i = 0; i < bytes.length; i += 1) {
    const first = Math.floor((i * 8) / 6);
    const word = ((digits[first] ?? 0) << 6) | (digits[first + 1] ?? 0);
    bytes[i] = word >> (4 - ((i * 8) % 6));
  }
  return base64(bytes) === text ? bytes : undefined;
}

/** The parts, one after another. */
export function joined(parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The SHA-256 of the parts, one after another. */
export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await (await webCrypto()).subtle.digest("SHA-256", joined(parts)));
}

/** The platform's WebCrypto. Node 18 has it in a module; bundlers for browsers never follow the import. */
export async function webCrypto(): Promise<Crypto> {
  if (globalThis.crypto) return globalThis.crypto;
  const module = "node:crypto";
  return (await import(module)).webcrypto as Crypto;
}
