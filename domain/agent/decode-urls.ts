import { isJsonObject, type JsonValue } from './arguments/json-value.ts';
import type { AgentRules } from './rules.ts';
import { decodeUtf8 } from './text/utf8.ts';

type Decoding = AgentRules['urlDecoding'];

interface DecodingRule {
  /** Is this text decoded at all? */
  readonly applies: (text: string) => boolean;
  /** How an escape that stays is written; null when it is decoded. */
  readonly keep: (escape: string) => string | null;
  /** What stands for bytes that are no UTF-8. */
  readonly bad: string;
}

/** Escapes that the paper's release keeps, written in upper case; `%3d` and `%2b` are decoded. */
const paperKept = /^%(?:2[fF]|3[fF]|23|26|3D|2B|20|25)$/;

/** Characters whose escapes the later line keeps as they are: the reserved ones, the space and the percent sign. */
const reserved = new Set("!#$&'()*+,/:;=?@[] %");

/** Source: MiroThinker protocol §6.1. */
const decodings: Readonly<Record<Decoding, DecodingRule>> = {
  paper: {
    applies: (text) => text.includes('%'),
    keep: (escape) => (paperKept.test(escape) ? escape.toUpperCase() : null),
    bad: '',
  },
  later: {
    applies: (text) => text.includes('%') && text.includes('http'),
    keep: (escape) => (reserved.has(String.fromCharCode(Number.parseInt(escape.slice(1), 16))) ? escape : null),
    bad: '\ufffd',
  },
};

const escapes = /(?:%[0-9a-fA-F]{2})+/g;

/** Decodes escapes in a row; those that stay split the bytes around them. */
function decodeRun(run: string, rule: DecodingRule): string {
  let text = '';
  let bytes: number[] = [];
  for (const escape of run.match(/.{3}/g) ?? []) {
    const kept = rule.keep(escape);
    if (kept === null) {
      bytes.push(Number.parseInt(escape.slice(1), 16));
      continue;
    }
    text += decodeUtf8(bytes, rule.bad) + kept;
    bytes = [];
  }
  return text + decodeUtf8(bytes, rule.bad);
}

/** Decodes the percent-encoded texts of a value, members and items included; keys are left alone. */
export function decodeUrls(rules: Pick<AgentRules, 'urlDecoding'>, value: JsonValue): JsonValue {
  const rule = decodings[rules.urlDecoding];
  const decode = (inner: JsonValue): JsonValue => {
    if (typeof inner === 'string') {
      return rule.applies(inner) ? inner.replaceAll(escapes, (run) => decodeRun(run, rule)) : inner;
    }
    if (Array.isArray(inner)) return inner.map(decode);
    if (!isJsonObject(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, member]) => [key, decode(member)]));
  };
  return decode(value);
}
