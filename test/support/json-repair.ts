import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import type { JsonValue } from '../../domain/agent/arguments/json-value.ts';
import { parseStrictJson } from '../../domain/agent/arguments/strict-json.ts';

/** The Python that is asked; it needs json_repair 0.50.0. */
const python = process.env['LONGHAUL_PYTHON'] ?? 'python3';

/** What the original's two readers make of a text; `none` where they give up. */
export interface PythonReading {
  readonly strict: { readonly value: JsonValue } | 'none';
  readonly tolerant: { readonly value: JsonValue } | 'none';
  /** The dict literal that the text is, where JSON can hold it. */
  readonly literal: { readonly value: JsonValue } | 'none';
}

const program = `
import ast, json, math, sys, warnings
from importlib.metadata import version
if version("json_repair") != "0.50.0": sys.exit("json_repair 0.50.0 is needed")
from json_repair import repair_json
warnings.simplefilter("ignore")
def plain(v):
    if isinstance(v, float) and not math.isfinite(v): return {"$non-finite": True}
    if isinstance(v, list): return [plain(x) for x in v]
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    return v
def read(f, text):
    try: return {"value": plain(f(text))}
    except Exception: return "none"
def literal(text):
    v = ast.literal_eval(text)
    if not isinstance(v, dict): raise ValueError
    return json.loads(json.dumps(v))
for line in sys.stdin:
    t = json.loads(line)
    print(json.dumps({
        "strict": read(json.loads, t),
        "tolerant": read(lambda x: json.loads(repair_json(x, ensure_ascii=False, skip_json_loads=True)), t),
        "literal": read(literal, t),
    }))
`;

const readingSchema = z.object({
  strict: z.custom<PythonReading['strict']>(),
  tolerant: z.custom<PythonReading['tolerant']>(),
  literal: z.custom<PythonReading['literal']>(),
});

/** Asks Python about texts; null where Python or the package is missing. */
export function askPython(texts: readonly string[]): readonly PythonReading[] | null {
  const input = texts.map((text) => `${toAsciiJson(text)}\n`).join('');
  const run = spawnSync(python, ['-c', program], { input, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (run.status !== 0) return null;
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const read = parseStrictJson(line);
      return readingSchema.parse(read.ok ? read.value : null);
    });
}

/** JSON in ASCII, so that half surrogate pairs pass through pipes. */
function toAsciiJson(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Is it what stands for a number that is not finite? Any value passes for one. */
function isNonFinite(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '$non-finite');
}

/** Are two JSON values equal, key order aside? Numbers by value; anything passes for a number that is not finite. */
export function isSameJson(expected: JsonValue, given: JsonValue): boolean {
  if (isNonFinite(expected)) return true;
  if (JSON.isRawJSON(expected) || JSON.isRawJSON(given)) return JSON.stringify(expected) === JSON.stringify(given);
  if (typeof expected !== 'object' || typeof given !== 'object' || expected === null || given === null) {
    return expected === given;
  }
  // The items of a list are its members, too.
  const others = new Map<string, JsonValue>(Object.entries(given));
  const members: [string, JsonValue][] = Object.entries(expected);
  if (Array.isArray(expected) !== Array.isArray(given) || members.length !== others.size) return false;
  return members.every(([key, member]) => others.has(key) && isSameJson(member, others.get(key) ?? null));
}
