/**
 * The SDK in WebAssembly, for browsers and Node: it makes, signs, checks and judges records, and proves what their roots hold.
 *
 *     const flk = await load(fetch("flk.wasm"));
 *     const record = flk.summarise(points, raw, { shard_id: "s1", epoch: 1, seed, sent_at: new Date() });
 *     const signed = { ...record, sig: new flk.SigningKey("hmac-sha256", secret).sign(record) };
 *
 * Whoever receives a body calls `parse(body)` and `new Keyring({ tenant: [{ key }] }).authenticate(tenant, record, new Date())`.
 *
 * Bytes are Uint8Arrays, hashes are texts of 64 hexadecimal digits, a record is an object with the members of its JSON, and
 * integers of 64 bits (`seed`, `ft.clock_skew_ms`) are BigInts. What breaks the specification throws a Refusal, a value of another
 * type than the function takes a TypeError, and data of which nothing can be computed a RangeError.
 *
 * @module
 */
import "./wasm_exec.js"; // Go's own, which sets globalThis.Go

/** An input breaks a requirement of the specification: its id, such as REC-5, and the record's field at fault if one is. */
export class Refusal extends Error {
  name = "Refusal";

  constructor({ requirement, field = null, message }) {
    super(`${requirement}: ${message}`);
    this.requirement = requirement;
    this.field = field;
  }
}

/** Start the SDK, of the bytes of `flk.wasm` or of the answer of a `fetch`. It lives as long as the page. */
export async function load(source) {
  const go = new globalThis.Go();
  const isBytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  const { instance } = await (isBytes ? WebAssembly.instantiate : WebAssembly.instantiateStreaming)(
    source,
    go.importObject,
  );
  const wasm = await new Promise((resolve) => {
    globalThis.flkStarted = resolve;
    go.run(instance);
  });
  delete globalThis.flkStarted;
  return api(wasm);
}

function api(wasm) {
  const freed = new FinalizationRegistry((number) => wasm.release(number));
  const { signingKey, verifyingKey, keyring, sign, authenticate, release, ...others } = Object.fromEntries(
    Object.entries(wasm).map(([name, call]) => [name, (...given) => returned(call(...given))]),
  );

  /** A key that WebAssembly holds; it is dropped there when it is here. */
  class Held {
    #number;

    constructor(number) {
      this.#number = number;
      freed.register(this, number);
    }

    static number(held) {
      return held.#number;
    }
  }

  /** A key that signs: of the algorithm's name, hmac-sha256 or ed25519, and its secret, for Ed25519 the 32-byte seed. */
  class SigningKey extends Held {
    constructor(algorithm, secret) {
      super(signingKey(algorithm, secret));
    }

    /** The value of a record's `sig`, under a profile that covers all that is judged unless another is asked for (C14N-9). */
    sign(record, profile = "judged") {
      return sign(Held.number(this), record, profile);
    }
  }

  /** A key that verifies: of the algorithm's name and its secret or, for Ed25519, its public key. */
  class VerifyingKey extends Held {
    constructor(algorithm, key) {
      super(verifyingKey(algorithm, key));
    }
  }

  /** Each tenant's live keys, `{ key, notBefore?, notAfter? }` with Dates as bounds (SIGN-4), and the profiles it accepts. */
  class Keyring extends Held {
    constructor(keys, profiles = ["fixed9", "judged"]) {
      const numbered = Object.entries(keys).map(([tenant, live]) => [
        tenant,
        live.map((each) => ({ ...each, key: Held.number(each.key) })),
      ]);
      super(keyring(numbered, profiles));
    }

    /** Throws a Refusal unless a key of the tenant that is live at that Date made the record's `sig` (SIGN-6, SIGN-7). */
    authenticate(tenant, record, at) {
      authenticate(Held.number(this), tenant, record, at);
    }
  }

  return { ...others, SigningKey, VerifyingKey, Keyring };
}

/** What a function returned; what it returned to be thrown is thrown. */
function returned(value) {
  if (!(value instanceof Error)) return value;
  throw "requirement" in value ? new Refusal(value) : value;
}
