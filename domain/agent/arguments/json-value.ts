/**
 * A number whose digits a double does not hold, as it was written.
 *
 * What `JSON.rawJSON` makes: `JSON.stringify` writes its digits as they are.
 */
export interface ExactNumber {
  readonly rawJSON: string;
}

/** A JSON value that keeps the digits of integers beyond 2^53. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | ExactNumber
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

declare global {
  /** What Node 24 has of the proposal "JSON.parse source text access", and the type library does not know yet. */
  interface JSON {
    readonly rawJSON: (text: string) => ExactNumber;
    readonly isRawJSON: (value: unknown) => value is ExactNumber;
  }
}

/** A number that is written with exactly these digits; the text is a JSON number. */
export function toExactNumber(text: string): ExactNumber {
  return JSON.rawJSON(text);
}

/** Is the value a number that a double cannot hold? */
export function isExactNumber(value: unknown): value is ExactNumber {
  return JSON.isRawJSON(value);
}

/** An object of JSON, as opposed to a list, a scalar or an exact number. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Is the value a JSON object? */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

/** The member of a JSON object, or undefined; never one that the object only inherits. */
export function memberOf(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Is the value one that Python's `if` takes for false: nothing, zero, or without content? */
export function isFalsy(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
