/** How much of a text was found, as bags of words. */
export interface TokenScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Compares a text with the right one: words in any order, each as often as it occurs. Two empty texts are equal. */
export function scoreTokens(found: string, gold: string): TokenScore {
  const left = countTokens(found);
  const right = countTokens(gold);
  let common = 0;
  for (const [token, count] of left) common += Math.min(count, right.get(token) ?? 0);
  const [all, wanted] = [sum(left), sum(right)];
  if (all === 0 && wanted === 0) return { precision: 1, recall: 1, f1: 1 };
  return {
    precision: all === 0 ? 0 : common / all,
    recall: wanted === 0 ? 0 : common / wanted,
    f1: (2 * common) / (all + wanted),
  };
}

function countTokens(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [token] of text.toLowerCase().matchAll(/[\p{L}\p{N}_]+/gu))
    counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
