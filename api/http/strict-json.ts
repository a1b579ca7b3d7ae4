import { AppError } from '../../domain/errors.ts';

/** Deepest nesting of objects and arrays that a body may have. */
const maxJsonDepth = 64;

/** Tokens of valid JSON that matter here: strings, brackets, separators, numbers. */
const tokenPattern = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|-?\d[\d.eE+-]*/gu;

/** An object (with the keys seen so far) or an array that is open, and where the reader is in it. */
interface Frame {
  readonly keys: Set<string> | null;
  place: string;
  index: number;
  expectsKey: boolean;
}

/**
 * Parses a request's body, stricter than the platform: UTF-8 without a byte order mark, bounded depth, no duplicate keys, no number
 * that would change its value.
 *
 * @throws AppError `Input.BadJson` with the offset, or `Input.Invalid` naming the field
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  checkDepth(text);
  const value = parseJson(text);
  checkTokens(text);
  return value;
}

function badJson(what: string, mend?: string): AppError {
  return new AppError('Input.BadJson', { what, ...(mend === undefined ? {} : { mend }) });
}

function decodeUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AppError('Input.BadJson', { what: 'the body is not UTF-8', mend: 'Send the JSON as UTF-8.', cause });
  }
  if (text.startsWith('\uFEFF')) throw badJson('the body begins with a byte order mark, at offset 0', 'Leave it out.');
  return text;
}

/** Before parsing, and without recursion: brackets outside of strings. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > maxJsonDepth) throw badJson(`nested deeper than ${maxJsonDepth} levels, at offset ${at}`);
    } else if (character === '}' || character === ']') depth -= 1;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = cause instanceof Error ? /position (\d+)/u.exec(cause.message)?.[1] : undefined;
    const where = position ?? String(text.length);
    throw new AppError('Input.BadJson', {
      what: `the body has a syntax error at offset ${where}`,
      mend: 'Send one JSON value (RFC 8259).',
      cause,
    });
  }
}

function toPointer(frames: readonly Frame[]): string {
  return frames.map((frame) => `/${frame.place.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Walks the tokens of a text that is known to be JSON. */
function checkTokens(text: string): void {
  const frames: Frame[] = [];
  for (const [token] of text.matchAll(tokenPattern)) {
    const frame = frames.at(-1);
    if (token === '{') frames.push({ keys: new Set(), place: '', index: 0, expectsKey: true });
    else if (token === '[') frames.push({ keys: null, place: '0', index: 0, expectsKey: false });
    else if (token === '}' || token === ']') frames.pop();
    else if (token === ',') advance(frame);
    else if (token.startsWith('"')) takeString(frames, token);
    else if (token !== ':') checkNumber(token, frames);
  }
}

function advance(frame: Frame | undefined): void {
  if (frame === undefined) return;
  if (frame.keys !== null) frame.expectsKey = true;
  else {
    frame.index += 1;
    frame.place = String(frame.index);
  }
}

function takeString(frames: readonly Frame[], token: string): void {
  const frame = frames.at(-1);
  if (frame === undefined || frame.keys === null || !frame.expectsKey) return;
  const key = String(JSON.parse(token));
  frame.place = key;
  frame.expectsKey = false;
  const field = toPointer(frames);
  if (frame.keys.has(key)) throw badJson(`the key ${JSON.stringify(key.slice(0, 64))} is given twice, at ${field}`);
  if (key === '__proto__') throw new AppError('Input.Invalid', { what: `unknown field ${field}`, field });
  frame.keys.add(key);
}

/** Whole numbers above 2^53 and numbers that become infinite would be read as another value. */
function checkNumber(token: string, frames: readonly Frame[]): void {
  const value = Number(token);
  const isWhole = /^-?\d+$/u.test(token);
  if (Number.isFinite(value) && (!isWhole || Number.isSafeInteger(value))) return;
  const field = toPointer(frames);
  throw new AppError('Input.Invalid', {
    what: `${field === '' ? 'the body' : field}: the number is outside of -(2^53 - 1) to 2^53 - 1`,
    field,
  });
}
