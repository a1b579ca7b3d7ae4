import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';

const lineSchema = z.strictObject({
  title: z.string().trim().min(1).max(300),
  text: z.string().trim().min(1),
  /** Titles of other pages; where they occur in the text they become hyperlinks. */
  links: z.array(z.string()).default([]),
  url: z.url({ protocol: /^https?$/u }).optional(),
});

/** A page of the corpus, with the address at which it can be fetched. */
export interface CorpusPage {
  readonly title: string;
  readonly text: string;
  readonly url: string;
  readonly links: readonly string[];
}

/** Path of a page on the corpus server. */
export function pagePath(title: string): string {
  return `/wiki/${encodeURIComponent(title)}`;
}

function invalid(file: string, line: number, rule: string): AppError {
  return new AppError('Config.Invalid', {
    what: `${file}, line ${line}: ${rule}`,
    field: '--corpus',
    mend: 'Each line is one JSON object {"title", "text", "url"?, "links"?}; titles are unique.',
  });
}

function readLine(source: string, place: { file: string; line: number }): z.infer<typeof lineSchema> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw invalid(place.file, place.line, 'is not JSON');
  }
  const parsed = lineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const rules = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(line)'}: ${issue.message}`);
  throw invalid(place.file, place.line, rules.join('; '));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('Config.Invalid', {
      what: `${file} cannot be read`,
      field: '--corpus',
      mend: 'Name a folder that has a file pages.jsonl.',
      cause,
    });
  }
}

/**
 * Every page of a `pages.jsonl`; a page without a URL gets the one at which the corpus server on `host` (`address:port`) has it.
 *
 * Throws `Config.Invalid` that names file, line and rule at the first bad line, and when there is no page at all.
 */
export function loadPages(file: string, host: string): CorpusPage[] {
  const lineOf = new Map<string, number>();
  const pages: CorpusPage[] = [];
  for (const [index, source] of readText(file).split('\n').entries()) {
    if (source.trim() === '') continue;
    const line = index + 1;
    const { title, text, links, url } = readLine(source, { file, line });
    const earlier = lineOf.get(title);
    if (earlier !== undefined) throw invalid(file, line, `title "${title}" is taken by line ${earlier}`);
    lineOf.set(title, line);
    pages.push({ title, text, links, url: url ?? `http://${host}${pagePath(title)}` });
  }
  if (pages.length === 0) throw invalid(file, 1, 'the file has no page');
  return pages;
}
