/** Request headers that the model may set on a page fetch, lower case. */
const pageHeaderNames: readonly string[] = ['accept', 'accept-language', 'user-agent', 'referer'];

/** What became of the headers that the model asked for. */
export interface PageHeaders {
  /** Lower-case names, safe values. */
  readonly kept: Readonly<Record<string, string>>;
  /** Names as given of those that are not sent: not on the list, too long, or with characters a header cannot hold. */
  readonly dropped: readonly string[];
}

const maxValueChars = 1024;

/** Sorts the model's headers into those that are sent and those that are dropped and named to it. Pure, never throws. */
export function sortPageHeaders(headers: Readonly<Record<string, string>>): PageHeaders {
  const kept: Record<string, string> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const isSafe =
      pageHeaderNames.includes(name.toLowerCase()) && value.length <= maxValueChars && /^[\t\x20-\x7e]*$/.test(value);
    if (isSafe) kept[name.toLowerCase()] = value;
    else dropped.push(name);
  }
  return { kept, dropped };
}
