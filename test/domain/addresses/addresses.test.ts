import { describe, expect, it } from 'vitest';

import {
  type AddressPolicyInput,
  addressPolicySchema,
  toAddressRules,
} from '../../../domain/addresses/address-policy.ts';
import { isSameAddress, parseIpAddress, parseIpRange } from '../../../domain/addresses/ip-address.ts';
import { judgeUrl } from '../../../domain/addresses/judge-url.ts';
import { isPublicAddress } from '../../../domain/addresses/public-address.ts';
import { urlTable } from './address-table.ts';

const rulesOf = (policy: AddressPolicyInput) => toAddressRules(addressPolicySchema.parse(policy));
const defaults = rulesOf({ allow: ['127.0.0.1:8711', '[::1]:8712'] });
const rows = urlTable.flatMap(([reason, urls]) => urls.map((url) => ({ reason, url })));

function judge(url: string, base?: URL, rules = defaults): string {
  const verdict = judgeUrl(rules, url, base);
  return verdict.allowed ? 'ok' : verdict.reason;
}

describe('judging a URL', () => {
  it('table: at least 120 refused addresses and a control of each kind', () => {
    expect(rows.filter(({ reason }) => reason !== 'ok').length).toBeGreaterThanOrEqual(120);
    expect(rows.filter(({ reason }) => reason === 'ok').length).toBeGreaterThanOrEqual(40);
    expect(new Set(rows.map(({ url }) => url)).size).toBe(rows.length);
  });

  it.each(rows)('$url → $reason', ({ url, reason }) => {
    expect(judge(url)).toBe(reason);
  });

  it('several faults: the first in the order of the rules is named', () => {
    expect(judge('ftp://user@localhost:99/')).toBe('scheme');
    expect(judge('http://user@localhost:99/')).toBe('userinfo');
    expect(judge('http://localhost:99/')).toBe('port');
  });

  it('a URL of 2,048 code points: passes, though it has more UTF-16 units', () => {
    const url = 'http://example.com/';
    expect(judge(url + '😀'.repeat(2048 - url.length))).toBe('ok');
    expect(judge(url + '😀'.repeat(2049 - url.length))).toBe('parse');
  });

  it.each([
    ['http://127.0.0.1:8711/wiki/A', 'ok'],
    ['http://2130706433:8711/', 'ok'],
    ['http://[::1]:8712/', 'ok'],
    ['http://127.0.0.2:8711/', 'port'],
    ['http://127.0.0.1:8712/', 'port'],
    ['http://[::1]:8711/', 'port'],
    ['http://[::ffff:127.0.0.1]:8711/', 'port'],
    ['http://localhost:8711/', 'port'],
    ['http://127.0.0.1/', 'literal'],
    ['http://user@127.0.0.1:8711/', 'userinfo'],
    ['ftp://127.0.0.1:8711/', 'scheme'],
  ])('allow list of 127.0.0.1:8711 and [::1]:8712: %s → %s', (url, reason) => {
    expect(judge(url)).toBe(reason);
  });

  it.each([
    ['//127.0.0.1/', 'literal'],
    ['//@example.com/', 'userinfo'],
    ['\\\\10.0.0.1\\x', 'literal'],
    ['file:///etc/passwd', 'scheme'],
    ['/path@x', 'ok'],
    ['?q=@', 'ok'],
    ['http://[::1]/', 'literal'],
    // Relative to http the scheme alone leads nowhere; another scheme does, with any number of slashes.
    ['http:@x', 'ok'],
    ['http:/@x', 'ok'],
    ['http:/\\@example.com/', 'userinfo'],
    ['https:@example.com/', 'userinfo'],
    ['/\\@example.com/', 'userinfo'],
    ['', 'ok'],
  ])('redirect to %s from a public page → %s', (location, reason) => {
    expect(judge(location, new URL('http://example.com/a'))).toBe(reason);
  });

  it('any text at all: never throws', () => {
    let seed = 7;
    const alphabet = [
      'h',
      't',
      'p',
      ':',
      '/',
      '\\',
      '@',
      '#',
      '?',
      '[',
      ']',
      '%',
      '.',
      '0',
      'x',
      '7',
      'f',
      '\u0000',
      '\n',
      '。',
      '①',
      '\ud800',
      '😀',
      ' ',
    ];
    for (let round = 0; round < 3000; round += 1) {
      let text = round % 2 === 0 ? 'http://' : '';
      for (let length = round % 23; length > 0; length -= 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        text += alphabet[seed % alphabet.length] ?? '';
      }
      expect(['ok', 'parse', 'scheme', 'userinfo', 'port', 'denied-host', 'literal']).toContain(judge(text));
    }
  });
});

describe('policies', () => {
  it.each<[AddressPolicyInput, string, string]>([
    [{ ports: [8080] }, 'http://example.com:8080/', 'ok'],
    [{ ports: [8080] }, 'http://example.com/', 'port'],
    [{ denyHosts: ['example.com'] }, 'http://EXAMPLE.com./', 'denied-host'],
    [{ denyHosts: ['example.com'] }, 'http://www.example.com/', 'ok'],
    [{ denyHosts: ['*.example.com'] }, 'http://a.b.example.com/', 'denied-host'],
    [{ denyHosts: ['*.example.com'] }, 'http://notexample.com/', 'ok'],
    [{ allowHosts: ['example.com'] }, 'http://example.com/', 'ok'],
    [{ allowHosts: ['example.com'] }, 'http://example.org/', 'denied-host'],
    [{ allowHosts: ['example.com'] }, 'http://8.8.8.8/', 'literal'],
    [{ allowHosts: ['localhost'] }, 'http://localhost/', 'denied-host'],
    [{ privateRanges: ['10.0.0.0/8'] }, 'http://10.1.2.3/', 'ok'],
    [{ privateRanges: ['10.0.0.0/8'] }, 'http://[::ffff:10.1.2.3]/', 'literal'],
    [{ privateRanges: ['10.0.0.0/8'] }, 'http://11.1.2.3/', 'ok'],
    [{ privateRanges: ['0.0.0.0/0', '::/0'] }, 'http://169.254.169.254/', 'literal'],
    [{ privateRanges: ['0.0.0.0/0', '::/0'] }, 'http://[fd00:ec2::254]/', 'literal'],
    [{ privateRanges: ['0.0.0.0/0', '::/0'] }, 'http://[::ffff:169.254.169.254]/', 'literal'],
    [{ denyRanges: ['93.184.0.0/16'] }, 'http://93.184.215.14/', 'literal'],
    [{ denyRanges: ['93.184.0.0/16'] }, 'http://[::ffff:93.184.215.14]/', 'literal'],
    [{ denyRanges: ['10.1.0.0/16'], privateRanges: ['10.0.0.0/8'] }, 'http://10.1.2.3/', 'literal'],
  ])('%j: %s → %s', (policy, url, reason) => {
    expect(judge(url, undefined, rulesOf(policy))).toBe(reason);
  });

  it.each<AddressPolicyInput>([
    { privateRanges: ['10.0.0.0/33'] },
    { privateRanges: ['10.0.0/8'] },
    { denyHosts: ['*'] },
    { denyHosts: ['Example.com'] },
    { ports: [0] },
  ])('%j: refused', (policy) => {
    expect(addressPolicySchema.safeParse(policy).success).toBe(false);
  });
});

describe('ip addresses', () => {
  it('spellings of one address: the same; others: not', () => {
    expect(isSameAddress('::ffff:8.8.8.8', '8.8.8.8')).toBe(true);
    expect(isSameAddress('2606:4700:0:0::1', '2606:4700::1')).toBe(true);
    expect(isSameAddress('8.8.8.8', '8.8.4.4')).toBe(false);
    expect(isSameAddress('::808:808', '8.8.8.8')).toBe(false);
    expect(isSameAddress('', '')).toBe(false);
  });

  it.each([
    ['::', 0n],
    ['::1', 1n],
    ['1::', 1n << 112n],
    ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['1:2:3:4:5:6:1.2.3.4', 0x0001_0002_0003_0004_0005_0006_0102_0304n],
    ['::ffff:1.2.3.4', 0xffff_0102_0304n],
    ['1:2:3:4:5:6:7::', 0x0001_0002_0003_0004_0005_0006_0007_0000n],
  ])('%s → its bits', (text, bits) => {
    expect(parseIpAddress(text)).toEqual({ family: 6, bits });
  });

  it.each([
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:5',
    ':1',
    '1:',
    '::%eth0',
    '1.2.3',
    '1.2.3.4.',
    '01.2.3.4',
    '1.2.3.256',
    '',
  ])('%j: no address', (text) => {
    expect(parseIpAddress(text)).toBeNull();
  });

  it('a range: its ends, host bits ignored', () => {
    expect(parseIpRange('10.1.2.3/8')).toEqual({ family: 4, first: 0x0a00_0000n, last: 0x0aff_ffffn });
    expect(parseIpRange('::/0')).toEqual({ family: 6, first: 0n, last: (1n << 128n) - 1n });
  });

  it('what is no address: not public', () => {
    for (const text of ['', 'example.com', '8.8.8.8/8', '08.8.8.8', '1.2.3', '[::1]', '2606:4700::1%eth0'])
      expect(isPublicAddress(text)).toBe(false);
  });
});
