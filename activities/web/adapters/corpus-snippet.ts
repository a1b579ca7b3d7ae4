const maxSnippetChars = 240;
const leadChars = 60;
const maxLookedAt = 50_000;
const maxPlaces = 200;

/** The part of a text that shows most of the words: at most 240 characters, blanks folded. Deterministic, never throws. */
export function toSnippet(text: string, words: readonly string[]): string {
  const looked = text.slice(0, maxLookedAt);
  const places = findPlaces(looked.toLowerCase(), words);
  const best = places.reduce(
    (found, place) => {
      const start = Math.max(0, place.at - leadChars);
      const inside = places.filter(({ at }) => at >= start && at < start + maxSnippetChars - 20);
      const count = new Set(inside.map(({ stem }) => stem)).size;
      return count > found.count ? { start, count } : found;
    },
    { start: 0, count: 0 },
  );
  return cut(looked, best.start);
}

interface Place {
  readonly stem: string;
  readonly at: number;
}

/** Where the words begin; the end of a long word is left out, as the index does, so that other forms are found too. */
function findPlaces(text: string, words: readonly string[]): Place[] {
  const places: Place[] = [];
  for (const word of words) {
    const stem = word.length > 6 ? word.slice(0, -2) : word;
    for (
      let at = text.indexOf(stem);
      at !== -1 && places.length < maxPlaces;
      at = text.indexOf(stem, at + stem.length)
    ) {
      places.push({ stem, at });
    }
  }
  return places.toSorted((left, right) => left.at - right.at);
}

function cut(text: string, from: number): string {
  // Never begins in the middle of a pair of surrogates.
  const start = /^[\udc00-\udfff]/.test(text.charAt(from)) ? from + 1 : from;
  const part = Array.from(text.slice(start, start + 2 * maxSnippetChars))
    .slice(0, maxSnippetChars)
    .join('');
  const isWhole = start + part.length >= text.length;
  const body = (start > 0 ? part.replace(/^\S{0,20}\s/, '') : part).replaceAll(/\s+/g, ' ').trim();
  return `${start > 0 ? '… ' : ''}${isWhole ? body : `${body} …`}`;
}
