import { describe, expect, it } from 'vitest';

import { findCanaries } from '../../../domain/egress/canary-strings.ts';
import {
  emptyLedger,
  findAddresses,
  judgeEgress,
  maxChoiceBits,
  maxPagesPerHost,
  offer,
} from '../../../domain/egress/egress-policy.ts';

const known = offer(emptyLedger, ['https://a.example/x', 'http://b.example', 'not an address', 'ftp://c.example/']);

describe('egress', () => {
  it.each([
    ['open', 'https://anything.example/', true],
    ['offline', 'https://a.example/x', false],
    ['provenance', 'https://a.example/x', true],
    ['provenance', 'HTTPS://A.EXAMPLE:443/x#part', true],
    ['provenance', 'http://b.example/', true],
    ['provenance', 'https://a.example/x?leak=1', false],
    ['provenance', 'https://a.example/y', false],
    ['provenance', 'https://secret.a.example/x', false],
    ['provenance', 'https://user:pw@a.example/x', false],
    ['provenance', 'ftp://c.example/', false],
    ['provenance', 'nothing', false],
  ] as const)('%s: %s → %s', (policy, url, allowed) => {
    expect(judgeEgress(policy, url, known).allowed).toBe(allowed);
  });

  it('headers of the model: sent under open only', () => {
    expect(judgeEgress('open', 'https://a.example/x', known)).toMatchObject({ sendsHeaders: true });
    expect(judgeEgress('provenance', 'https://a.example/x', known)).toMatchObject({ sendsHeaders: false });
  });

  it('pages of one host: as many as the budget, then refused', () => {
    let ledger = offer(emptyLedger, ['https://a.example/x']);
    let pages = 0;
    let verdict = judgeEgress('provenance', 'https://a.example/x', ledger);
    while (verdict.allowed) {
      ({ ledger } = verdict);
      pages += 1;
      verdict = judgeEgress('provenance', 'https://a.example/x', ledger);
    }
    expect(verdict).toEqual({ allowed: false, reason: 'host-budget' });
    expect(pages).toBe(maxPagesPerHost);
  });

  it('choices among many addresses: no more bits than the budget', () => {
    const urls = Array.from({ length: 1024 }, (_, index) => `https://h${index}.example/`);
    let ledger = offer(emptyLedger, urls);
    let chosen = 0;
    for (const url of urls) {
      const verdict = judgeEgress('provenance', url, ledger);
      if (!verdict.allowed) break;
      ({ ledger } = verdict);
      chosen += 1;
    }
    expect(chosen * 10).toBeLessThanOrEqual(maxChoiceBits);
    expect(chosen).toBe(6);
  });

  it('addresses in a text: without the punctuation around them', () => {
    expect(
      findAddresses('See (https://a.example/x), "http://b.example" and https://c.example/d?e=f. ftp://no'),
    ).toEqual(['https://a.example/x', 'http://b.example', 'https://c.example/d?e=f']);
  });
});

describe('canary strings', () => {
  const canary = 'BENCHMARK-canary:26b5c67b';
  const bytes = Buffer.from(canary);

  it.each([
    ['as it is', `x ${canary} y`],
    ['other case', canary.toUpperCase()],
    ['percent-escaped', [...bytes].map((byte) => `%${byte.toString(16)}`).join('')],
    [
      'JSON-escaped',
      Array.from(canary)
        .map((character) => String.raw`\u00` + character.charCodeAt(0).toString(16))
        .join(''),
    ],
    [
      'HTML-escaped',
      Array.from(canary)
        .map((character) => `&#${character.charCodeAt(0)};`)
        .join(''),
    ],
    ['hex', bytes.toString('hex')],
    ['base64', bytes.toString('base64')],
    ['base64 at an offset', Buffer.from(`ab${canary}`).toString('base64')],
    ['base64 at another', Buffer.from(`abcd${canary}z`).toString('base64')],
    ['reversed', Array.from(canary).toReversed().join('')],
    ['split by blanks', Array.from(canary).join(' ')],
    ['split by punctuation', canary.replaceAll(/(.{3})/g, '$1-')],
  ])('%s: found', (_what, text) => {
    expect(findCanaries(`before ${text} after`, [canary, 'another-canary-string'])).toEqual([canary]);
  });

  it('a part of it, a text without it, and strings too short to mean anything: not found', () => {
    expect(findCanaries('BENCHMARK-canary', [canary])).toEqual([]);
    expect(findCanaries('', [canary])).toEqual([]);
    expect(findCanaries('the cat', ['cat', ''])).toEqual([]);
    expect(findCanaries('%ff%zz &#99999999; \\ud800', [canary])).toEqual([]);
  });
});
