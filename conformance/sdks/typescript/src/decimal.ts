import { Refusal } from "./refusal.js";

const DIGITS = 9;
const NANO = 10n ** BigInt(DIGITS);
const FRACTION_BITS = 52n;
const view = new DataView(new ArrayBuffer(8));

/**
 * `round9(x)` in billionths, exactly: the integer nearest to `x * 10^9`, of two equally near the even one (C14N-2).
 *
 * A double is an integer times a power of two, so integers of any size decide it; `toFixed` breaks ties upward.
 * Throws a Refusal for NaN and infinities (C14N-4).
 */
export function nano(x: number): bigint {
  if (!Number.isFinite(x)) throw new Refusal("C14N-4", `${x} has no canonical form; signals are finite`);
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> FRACTION_BITS) & 0x7ffn;
  const fraction = bits & ((1n << FRACTION_BITS) - 1n);
  const significand = exponent === 0n ? fraction : fraction | (1n << FRACTION_BITS);
  const power = (exponent === 0n ? 1n : exponent) - 1075n;
  const scaled = significand * NANO;
  const magnitude = power >= 0n ? scaled << power : shiftedRight(scaled, -power);
  return x < 0 ? -magnitude : magnitude;
}

/** `n / 2^places`, rounded half to even. */
function shiftedRight(n: bigint, places: bigint): bigint {
  const quotient = n >> places;
  const twice = (n - (quotient << places)) << 1n;
  const unit = 1n << places;
  return twice > unit || (twice === unit && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

/** `x` with exactly nine fractional digits; zero has no sign (C14N-2, C14N-3). Throws a Refusal for NaN and infinities. */
export function fixed9(x: number): string {
  const billionths = nano(x);
  const digits = String(billionths < 0n ? -billionths : billionths).padStart(DIGITS + 1, "0");
  return `${billionths < 0n ? "-" : ""}${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}`;
}

/** The double nearest to `fixed9(x)`. */
export function round9(x: number): number {
  return Number(fixed9(x));
}

/** `round9(x)` as the shortest decimal that reads back, in Python's notation: `1.0`, `1e-05` (C14N-6). */
export function shortest(x: number): string {
  const rounded = round9(x);
  const [significand = "", exponent = ""] = rounded.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${significand}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const sign = rounded < 0 ? "-" : "";
  const digits = significand.replace("-", "").replace(".", "");
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  const padded = digits.padEnd(power + 1, "0");
  return `${sign}${padded.slice(0, power + 1)}.${padded.slice(power + 1) || "0"}`;
}
