/** Built-in number formats that show a date or a time. *Source:* ECMA-376 part 1, §18.8.30. */
const builtInDates: readonly (readonly [number, number])[] = [
  [14, 22],
  [27, 36],
  [45, 47],
  [50, 58],
];

/** Does a number format show a date or a time? */
export function isDateFormat(id: number, code: string | undefined): boolean {
  if (code === undefined) return builtInDates.some(([first, last]) => id >= first && id <= last);
  // Quoted text, escaped letters, colours and conditions are no part of the pattern.
  const pattern = code.replaceAll(/"[^"]*"|\\.|_.|\[[^\]]*\]/g, '');
  return /[dyhs]|m{1,5}/i.test(pattern) && !/general/i.test(pattern) && !/[0#?]/.test(pattern.replaceAll(/\.0+/g, ''));
}

const dayMs = 86_400_000;

/** A serial date as ISO text, to the second; null when it is none. Days count from 1899-12-30, or from 1904-01-01. */
export function toDateText(serial: number, is1904: boolean): string | null {
  if (!Number.isFinite(serial) || serial < 0 || serial > 2_958_466) return null;
  const seconds = Math.round(serial * 86_400);
  const date = new Date((is1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, 30)) + seconds * 1000);
  const text = date.toISOString();
  if (serial < 1) return text.slice(11, 19);
  return date.getTime() % dayMs === 0 ? text.slice(0, 10) : text.slice(0, 19).replace('T', ' ');
}
