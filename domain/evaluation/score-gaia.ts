import { pythonSpace } from '../agent/text/python-space.ts';
import { parsePythonFloat } from './python-float.ts';

const spaces = new RegExp(`[${pythonSpace}]`, 'g');
const punctuation = /[!-/:-@[-`{-~]/g;

/** A text without white space and, where it is no item of a list, without punctuation; in lower case. */
function normalise(text: string, keepsPunctuation: boolean): string {
  const lower = text.replaceAll(spaces, '').toLowerCase();
  return keepsPunctuation ? lower : lower.replaceAll(punctuation, '');
}

/** Does the answer give this number? Currency, percent signs and thousands separators do not count. */
function isNumber(target: number, answer: string): boolean {
  return parsePythonFloat(answer.replaceAll(/[$%,]/g, '')) === target;
}

/**
 * GAIA's rule-based scorer: numbers by value, lists item by item, texts without white space, case and punctuation.
 *
 * *Contract:* pure, never throws. An answer that is no number never equals one. Source: MiroThinker protocol §9.4.
 */
export function isGaiaCorrect(target: string, answer: string | null): boolean {
  const given = answer ?? 'None';
  const number = parsePythonFloat(target);
  if (number !== null) return isNumber(number, given);
  if (!/[,;]/.test(target)) return normalise(given, false) === normalise(target, false);
  const wanted = target.split(/[,;]/);
  const items = given.split(/[,;]/);
  if (wanted.length !== items.length) return false;
  return wanted.every((item, index) => {
    const value = parsePythonFloat(item);
    const other = items[index] ?? '';
    return value === null ? normalise(other, true) === normalise(item, true) : isNumber(value, other);
  });
}
