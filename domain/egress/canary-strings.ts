/**
 * Which of these strings a text holds, in the forms in which they are carried away: as they are, in any case, reversed, percent- or
 * JSON-escaped, in base64 or hex, and split by blanks or punctuation.
 *
 * Used on every observation of an evaluation: a hit marks the run as contaminated. Pure, never throws.
 */
export function findCanaries(text: string, canaries: readonly string[]): string[] {
  const views = toViews(text);
  return canaries.filter((canary) => {
    if (canary.trim().length < minCanaryChars) return false;
    const forms = toForms(canary);
    return views.some((view, index) => forms[index]?.some((form) => view.includes(form)) === true);
  });
}

/** Shorter strings are found everywhere. */
const minCanaryChars = 8;

/** A text as it is, and as its letters and digits alone. */
function toViews(text: string): readonly [string, string] {
  const unescaped = unescape(text);
  return [`${text}\n${unescaped}`.toLowerCase(), toDense(unescaped)];
}

/** What to look for in each view. */
function toForms(canary: string): readonly [readonly string[], readonly string[]] {
  const bytes = new TextEncoder().encode(canary);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const dense = toDense(canary);
  const reversed = Array.from(dense).toReversed().join('');
  const plain = [canary.toLowerCase(), ...toBase64Cores(bytes).map((core) => core.toLowerCase())];
  return [
    plain,
    [dense, reversed, hex, ...toBase64Cores(bytes).map(toDense)].filter((form) => form.length >= minCanaryChars),
  ];
}

function toDense(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '');
}

function unescape(text: string): string {
  return text
    .replaceAll(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
      const bytes = Uint8Array.from(escaped.slice(1).split('%'), (pair) => Number.parseInt(pair, 16));
      return new TextDecoder().decode(bytes);
    })
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll(
      /&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi,
      (whole, hex: string | undefined, decimal: string | undefined) => {
        const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      },
    );
}

/** The parts of base64 that do not depend on what stands before or after, at each of the three offsets. */
function toBase64Cores(bytes: Uint8Array): string[] {
  return [0, 1, 2].map((offset) => {
    const padded = new Uint8Array([...Array.from({ length: offset }, () => 0), ...bytes]);
    const whole = padded.length - (padded.length % 3);
    const encoded = btoa(String.fromCharCode(...padded.subarray(0, whole)));
    return encoded.slice(offset === 0 ? 0 : 4);
  });
}
