import { noUsage } from '../../../domain/usage.ts';
import { withoutLinks } from '../page-text.ts';
import type { ReaderPort } from '../ports.ts';
import { cutPage } from '../reader-prompt.ts';
import { toCorpusQuery } from './corpus-terms.ts';

const maxPageChars = 409_600;
const maxPassages = 12;
const maxPassageChars = 1200;
const charsPerToken = 4;

/**
 * Draws from a page without a model: the sentences that share most words with what is wanted, in the page's order. It understands
 * nothing and adds nothing, and calls itself `extractive`.
 */
export function createExtractiveReader(): ReaderPort {
  return {
    extract: async (request, call) => {
      call.signal.throwIfAborted();
      const passages = toPassages(cutPage(withoutLinks(request.text), maxPageChars).text);
      const chosen = choose(passages, toCorpusQuery(request.wanted).words);
      const text = cutPage(chosen.join('\n'), request.maxTokens * charsPerToken).text;
      return { text, model: 'extractive', usage: noUsage };
    },
  };
}

/** Lines, and in them sentences. Table rows and list items stay whole. */
function toPassages(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => line.split(/(?<=[.!?])\s+(?=\S)|(?<=[。！？])/u))
    .map((passage) => passage.trim().slice(0, maxPassageChars))
    .filter((passage) => /[\p{L}\p{N}]/u.test(passage));
}

/** The passages that weigh most, rare words more than frequent ones; without any match the first ones, as what comes closest. */
function choose(passages: readonly string[], words: readonly string[]): string[] {
  const stems = words.map((word) => (word.length > 6 ? word.slice(0, -2) : word));
  const found = passages.map((passage) => {
    const lower = passage.normalize('NFKC').toLowerCase();
    return new Set(stems.filter((stem) => lower.includes(stem)));
  });
  const weights = new Map(
    stems.map((stem) => [stem, Math.log(1 + passages.length / (1 + found.filter((set) => set.has(stem)).length))]),
  );
  const scored = passages.map((passage, index) => {
    const score = [...(found[index] ?? [])].reduce((sum, stem) => sum + (weights.get(stem) ?? 0), 0);
    return { passage, index, score };
  });
  const matching = scored
    .filter(({ score }) => score > 0)
    .toSorted((left, right) => right.score - left.score || left.index - right.index);
  const best = (matching.length === 0 ? scored : matching).slice(0, maxPassages);
  return best.toSorted((left, right) => left.index - right.index).map(({ passage }) => passage);
}
