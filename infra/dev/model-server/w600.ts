/** Pseudo-random numbers in [0, 1) from a 32-bit seed. */
export function lcg(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function makeWords(): readonly string[] {
  const draw = lcg(7);
  return Array.from({ length: 8_000 }, () => {
    let word = '';
    const length = 2 + Math.floor(draw() * 8);
    for (let index = 0; index < length; index += 1) word += String.fromCharCode(97 + Math.floor(draw() * 26));
    return word;
  });
}

const words = makeWords();

/** Random words of workload W600: at most `bytes` long, one shorter when the last word ends exactly at the limit. */
export function text(seed: number, bytes: number): string {
  const next = lcg(seed);
  const parts: string[] = [];
  for (let length = 0; length < bytes;) {
    const word = words[Math.floor(next() * words.length)] ?? '';
    parts.push(word);
    length += word.length + 1;
  }
  return parts.join(' ').slice(0, bytes);
}

/** Bytes of one model result and one tool result of W600, and the seed of the first tool result. */
export const w600 = { turns: 600, modelBytes: 1_600, toolBytes: 16_000, toolSeed: 1_000_000 } as const;
