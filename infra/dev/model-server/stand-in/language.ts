/** Words that say nothing about what a text is about. */
const stopWords = new Set(
  (
    'a an the of in on at to for from by with and or but nor so as is are was were be been being am do does did has have had having ' +
    'this that these those it its he she his her hers him they them their there here who whom whose which what when where why how ' +
    'i you we our your my me us not no yes if then than also can could will would shall should may might must into onto out off over ' +
    'under up down about after before between during until while per each both same another other such only own more most very many much'
  ).split(' '),
);

/** Forms that the suffix rules do not bring together. */
const irregular: Readonly<Record<string, string>> = {
  lit: 'light',
  died: 'die',
  dies: 'die',
  death: 'die',
  dead: 'die',
  born: 'birth',
  made: 'make',
  maker: 'make',
  makers: 'make',
  built: 'build',
  won: 'win',
  wrote: 'write',
  written: 'write',
  sung: 'sing',
  sang: 'sing',
  founded: 'found',
  foundation: 'found',
  established: 'found',
  formed: 'form',
  lay: 'lie',
  gave: 'give',
  led: 'lead',
  kept: 'keep',
  keeper: 'keep',
  held: 'hold',
  men: 'man',
  women: 'woman',
  children: 'child',
};

/** A word's stem: rough, but the same for the forms of most English words. */
export function stem(word: string): string {
  const lower = word.toLowerCase().replace(/['’]s$/u, '');
  const known = Object.hasOwn(irregular, lower) ? irregular[lower] : undefined;
  if (known !== undefined) return known;
  for (const suffix of ['ations', 'ation', 'ings', 'ing', 'ers', 'ies', 'ed', 'es', 'er', 's', 'e', 'y']) {
    if (lower.length - suffix.length >= 3 && lower.endsWith(suffix)) return lower.slice(0, -suffix.length);
  }
  return lower;
}

/** Every word of a text, as written. */
export function words(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+(?:['’.-][\p{L}\p{N}]+)*/gu) ?? [];
}

/** Stems of the words that carry meaning, in order. */
export function terms(text: string): string[] {
  return words(text)
    .filter((word) => !stopWords.has(word.toLowerCase()))
    .map(stem);
}

/** Markdown links and emphasis taken away. */
export function plain(text: string): string {
  return text
    .replaceAll(/!?\[([^\]]*)\]\((?:[^()\s]|\([^()\s]*\))*\)/gu, '$1')
    .replaceAll(/[*_`#>|]+/gu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .trim();
}

const sentenceEnd =
  /(?<=[.!?]["')\]”]?)(?<!\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|No|Co|Inc|Ltd|ca|Mt)\.)\s+(?=["'([“]?[\p{Lu}\p{N}])/u;

/** The sentences of a text, verbatim; headings, list marks and empty lines left out. */
export function sentences(text: string): string[] {
  return text
    .split(/\n+/u)
    .filter((line) => !/^\s*(?:#|---|\||\*\s*\*)/u.test(line))
    .flatMap((line) => line.replace(/^\s*[-*]\s+/u, '').split(sentenceEnd))
    .map((sentence) => sentence.trim())
    .filter((sentence) => words(sentence).length >= 3);
}

/** Runs of capitalised words, with small words inside them: the names of a text, in order, each once. */
export function names(text: string): string[] {
  const pattern =
    /\p{Lu}[\p{L}\p{N}'’.-]*(?:\s+(?:(?:of|the|de|van|von|di|la|le|and the|for the|of the)\s+)?(?:\p{Lu}|\p{N})[\p{L}\p{N}'’.-]*)*/gu;
  const found = (text.match(pattern) ?? [])
    .map((name) => trimStopWords(name.replace(/[.'’-]+$/u, '').replace(/['’]s$/u, '')))
    .filter((name) => name.length > 2);
  const quoted = [...text.matchAll(/["“]([^"”]{2,80})["”]/gu)].map((match) => (match[1] ?? '').trim());
  return [...new Set([...quoted, ...found])];
}

function trimStopWords(name: string): string {
  const parts = name.split(/\s+/u);
  while (parts.length > 0 && stopWords.has((parts[0] ?? '').toLowerCase())) parts.shift();
  return parts.join(' ');
}

/** Years from 1000 to 2099 with their place in the text. */
export function years(text: string): { year: number; index: number }[] {
  return [...text.matchAll(/\b(1\d{3}|20\d{2})\b/gu)].map((match) => ({ year: Number(match[1]), index: match.index }));
}

/** How much a term tells: rare among the texts is much, everywhere is little. */
export function weigh(texts: readonly (readonly string[])[]): (term: string) => number {
  const counts = new Map<string, number>();
  for (const text of texts) for (const term of new Set(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  return (term) => Math.log(1 + texts.length / (0.5 + (counts.get(term) ?? 0)));
}
