/** JSON as RFC 8259 defines it and no more. Numbers keep their text, so that 42 and 42.0 stay apart. */
export type Json =
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "number"; readonly literal: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Json[] }
  | { readonly kind: "object"; readonly members: ReadonlyMap<string, Json> };

/** Well-formed JSON in which an object names a key twice. */
export class RepeatedKey extends Error {
  constructor(readonly key: string) {
    super(`the key ${JSON.stringify(key)} occurs more than once`);
  }
}

const MAX_DEPTH = 1000;
const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const PLAIN = /(?:(?!\p{Cc})[^"\\]|[\x7f-\x9f])*/uy;
const LONE_SURROGATE = /\p{Surrogate}/u;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Reads exactly one value in UTF-8 with nothing but white space around it. Throws a SyntaxError for anything else, and
 * RepeatedKey if nothing worse is wrong.
 */
export function readJson(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SyntaxError("the text is not UTF-8");
  }
  return new Reader(text).whole();
}

class Reader {
  private at = 0;
  private repeated: RepeatedKey | undefined;

  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.value(0);
    this.match(SPACE);
    if (this.at < this.text.length) this.fail("something follows the value");
    if (this.repeated) throw this.repeated;
    return value;
  }

  private fail(what: string): never {
    throw new SyntaxError(`at character ${this.at}: ${what}`);
  }

  /** What the sticky pattern matches next, and moves past it. */
  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) this.fail("values are nested too deeply");
    this.match(SPACE);
    if (this.take("{")) return this.object(depth);
    if (this.take("[")) return this.list(depth);
    if (this.take('"')) return { kind: "text", text: this.string() };
    if (this.take("true")) return { kind: "boolean", value: true };
    if (this.take("false")) return { kind: "boolean", value: false };
    if (this.take("null")) return { kind: "null" };
    const literal = this.match(LITERAL);
    return literal === undefined ? this.fail("no value begins here") : { kind: "number", literal };
  }

  private list(depth: number): Json {
    const items: Json[] = [];
    this.match(SPACE);
    if (this.take("]")) return { kind: "list", items };
    do {
      items.push(this.value(depth + 1));
      this.match(SPACE);
    } while (this.take(","));
    return this.take("]") ? { kind: "list", items } : this.fail("a list goes on with a comma or ends with a bracket");
  }

  private object(depth: number): Json {
    const members = new Map<string, Json>();
    this.match(SPACE);
    if (this.take("}")) return { kind: "object", members };
    do {
      this.match(SPACE);
      if (!this.take('"')) this.fail("a key is a text");
      const key = this.string();
      if (members.has(key)) this.repeated ??= new RepeatedKey(key);
      this.match(SPACE);
      if (!this.take(":")) this.fail("a colon follows a key");
      members.set(key, this.value(depth + 1));
      this.match(SPACE);
    } while (this.take(","));
    return this.take("}")
      ? { kind: "object", members }
      : this.fail("an object goes on with a comma or ends with a brace");
  }

  /** What follows the opening quote, with escapes resolved. */
  private string(): string {
    let text = "";
    for (;;) {
      text += this.match(PLAIN);
      if (this.take('"')) break;
      if (!this.take("\\")) this.fail("a text does not end, or holds a control character");
      text += this.escape();
    }
    return LONE_SURROGATE.test(text) ? this.fail("a surrogate stands alone") : text;
  }

  private escape(): string {
    const unit = this.match(/u[0-9a-fA-F]{4}/y);
    if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit.slice(1), 16));
    const meant = ESCAPES[this.text.charAt(this.at)];
    if (meant === undefined) return this.fail("there is no such escape");
    this.at += 1;
    return meant;
  }
}
