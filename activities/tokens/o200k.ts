import entries from 'gpt-tokenizer/bpeRanks/o200k_base';
import { countCodePoints } from '../../domain/agent/text/code-points.ts';
import { countPiece, type Ranks } from './merge-pieces.ts';

/** White space of Unicode, which is the tokenizer's; JavaScript's has U+FEFF and lacks U+0085. */
const space = String.raw`\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
/** Letters, marks and digits that Unicode 17 added: the tokenizer's tables are older, and take them for signs. */
const tooNew = String.raw`[\u088f\u0c5c\u0cdc\u1acf-\u1add\u1ae0-\u1aeb\ua7ce\ua7cf\ua7d2\ua7d4\ua7f1\u{10940}-\u{10959}\u{10ec5}-\u{10ec7}\u{10efa}\u{10efb}\u{11b60}-\u{11b67}\u{11db0}-\u{11ddb}\u{11de0}-\u{11de9}\u{16ea0}-\u{16eb8}\u{16ebb}-\u{16ed3}\u{16ff2}-\u{16ff6}\u{187f8}-\u{187ff}\u{18d09}-\u{18d1e}\u{18d80}-\u{18df2}\u{1e6c0}-\u{1e6de}\u{1e6e0}-\u{1e6f5}\u{1e6fe}\u{1e6ff}\u{2b73a}-\u{2b73f}\u{2cea2}-\u{2cead}\u{323b0}-\u{33479}]`;

const known = (classes: string) => `[[${classes}]--${tooNew}]`;
const upper = known(String.raw`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`);
const lower = known(String.raw`\p{Ll}\p{Lm}\p{Lo}\p{M}`);
const digit = known(String.raw`\p{N}`);
const word = known(String.raw`\p{L}\p{N}`);
/** English endings behind an apostrophe, in any case; the long s is an s. */
const ending = String.raw`(?:'(?:[sSſtTmMdD]|[rR][eE]|[vV][eE]|[lL][lL]))?`;

/** How o200k_base cuts a text into pieces. Source: tiktoken 0.9.0, `tiktoken_ext/openai_public.py`. */
const pieces = new RegExp(
  [
    String.raw`[^\r\n${word}]?${upper}*${lower}+${ending}`,
    String.raw`[^\r\n${word}]?${upper}+${lower}*${ending}`,
    `${digit}{1,3}`,
    String.raw` ?[^${space}${word}]+[\r\n\/]*`,
    String.raw`[${space}]*[\r\n]+`,
    `[${space}]+(?![^${space}])`,
    `[${space}]+`,
  ].join('|'),
  'gv',
);

/** The texts that mean something to the tokenizer, which refuses to read them as text. */
const specials = ['<|endoftext|>', '<|endofprompt|>'] as const;

/** The UTF-8 bytes of a text, each a character. */
function toByteText(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

function loadRanks(): Ranks {
  return new Map(
    entries.map((entry, rank) => [
      typeof entry === 'string' ? toByteText(entry) : Buffer.from(entry).toString('latin1'),
      rank,
    ]),
  );
}

/** Counts the tokens of a text. */
export type CountTokens = (text: string) => number;

/**
 * A counter by o200k_base, the tokenizer by which the original counts what it adds to a prompt.
 *
 * A text that holds one of the tokenizer's own marks counts as a quarter of its code points. Half a surrogate pair counts as
 * U+FFFD. Source: MiroThinker protocol §4.2.
 *
 * *Contract:* n log n in the text's length; loads its ranks once (about 0.2 s).
 */
export function createO200kCounter(): CountTokens {
  const ranks = loadRanks();
  return (text) => {
    if (specials.some((special) => text.includes(special))) return Math.floor(countCodePoints(text) / 4);
    let tokens = 0;
    for (const [piece] of text.toWellFormed().matchAll(pieces)) tokens += countPiece(toByteText(piece), ranks);
    return tokens;
  };
}
