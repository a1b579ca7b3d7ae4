import { describe, expect, it } from 'vitest';

import { createAddressGuard } from '../../../../activities/web/adapters/address-guard.ts';
import { isPublicAddress, isSameAddress } from '../../../../activities/web/adapters/ip-address.ts';
import { failureOf } from '../local-server.ts';
import { urlTable } from './address-table.ts';

const guard = createAddressGuard({ allow: ['127.0.0.1:8711', '[::1]:8712'] });
const rows = urlTable.flatMap(([reason, urls]) => urls.map((url) => ({ reason, url })));

function resolving(answers: Readonly<Record<string, readonly string[]>>): ReturnType<typeof createAddressGuard> {
  return createAddressGuard({
    allow: ['127.0.0.1:8711'],
    lookup: (hostname) => Promise.resolve((answers[hostname] ?? []).map((address) => ({ address }))),
  });
}

function failing(code: string): ReturnType<typeof createAddressGuard> {
  return createAddressGuard({ allow: [], lookup: () => Promise.reject(Object.assign(new Error('x'), { code })) });
}

describe('judge', () => {
  it('table: at least 120 refused addresses and a control of each kind', () => {
    expect(rows.filter(({ reason }) => reason !== 'ok').length).toBeGreaterThanOrEqual(120);
    expect(rows.filter(({ reason }) => reason === 'ok').length).toBeGreaterThanOrEqual(40);
    expect(new Set(rows.map(({ url }) => url)).size).toBe(rows.length);
  });

  it.each(rows)('$url → $reason', ({ url, reason }) => {
    expect(guard.judge(url).reason).toBe(reason);
  });

  it('several faults: the first in the order of the rules is named', () => {
    expect(guard.judge('ftp://user@localhost:99/').reason).toBe('scheme');
    expect(guard.judge('http://user@localhost:99/').reason).toBe('userinfo');
    expect(guard.judge('http://localhost:99/').reason).toBe('port');
  });

  it('a URL of 2,048 code points: passes, though it has more UTF-16 units', () => {
    const url = 'http://example.com/';
    expect(guard.judge(url + '😀'.repeat(2048 - url.length)).reason).toBe('ok');
    expect(guard.judge(url + '😀'.repeat(2049 - url.length)).reason).toBe('parse');
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
    expect(guard.judge(url).reason).toBe(reason);
  });

  it.each([
    ['//127.0.0.1/', 'literal'],
    ['//@example.com/', 'userinfo'],
    ['\\\\10.0.0.1\\x', 'literal'],
    ['file:///etc/passwd', 'scheme'],
    ['/path@x', 'ok'],
    ['?q=@', 'ok'],
    ['http://[::1]/', 'literal'],
  ])('redirect to %s from a public page → %s', (location, reason) => {
    expect(guard.judge(location, new URL('http://example.com/a')).reason).toBe(reason);
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
      expect(['ok', 'parse', 'scheme', 'userinfo', 'port', 'denied-host', 'literal']).toContain(
        guard.judge(text).reason,
      );
    }
  });
});

describe('allow list', () => {
  it.each([
    '127.0.0.1',
    'localhost:80',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:80',
    '127.0.0.0/8:80',
    '*:80',
    '',
    '127.1:80',
  ])('entry %j → refused', (entry) => {
    expect(() => createAddressGuard({ allow: [entry] })).toThrow(expect.objectContaining({ type: 'Config.Invalid' }));
  });
});

describe('resolve', () => {
  it.each([
    ['loopback', ['127.0.0.1']],
    ['one private among public', ['8.8.8.8', '10.0.0.1', '1.1.1.1']],
    ['mapped loopback', ['::ffff:127.0.0.1']],
    ['NAT64 metadata', ['64:ff9b::a9fe:a9fe']],
    ['link-local with a zone', ['fe80::1%eth0']],
    ['no address at all', ['example.net']],
  ])('a name that resolves to %s → Tool.Blocked', async (_what, addresses) => {
    const error = await failureOf(resolving({ 'a.example': addresses }).resolve('a.example', '80'));
    expect(error).toMatchObject({ type: 'Tool.Blocked' });
    expect(error.message).toContain('a.example');
  });

  it('a name that resolves to an allow-listed address and port → still refused', async () => {
    const error = await failureOf(resolving({ 'a.example': ['127.0.0.1'] }).resolve('a.example', '8711'));
    expect(error).toMatchObject({ type: 'Tool.Blocked' });
  });

  it('public addresses: all are answered', async () => {
    const addresses = await resolving({ 'a.example': ['8.8.8.8', '2606:4700::1111'] }).resolve('a.example', '443');
    expect(addresses).toEqual(['8.8.8.8', '2606:4700::1111']);
  });

  it('an address in place of a name: judged again, by address and port', async () => {
    const one = resolving({});
    expect(await one.resolve('8.8.8.8', '443')).toEqual(['8.8.8.8']);
    expect(await one.resolve('127.0.0.1', '8711')).toEqual(['127.0.0.1']);
    for (const [host, port] of [
      ['127.0.0.1', '8712'],
      ['[::1]', '80'],
      ['::ffff:10.0.0.1', '80'],
      ['localhost', '80'],
    ] as const)
      expect(await failureOf(one.resolve(host, port))).toMatchObject({ type: 'Tool.Blocked' });
  });

  it('500 answers with one private last → Tool.Blocked', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `8.8.${index % 250}.1`);
    const error = await failureOf(resolving({ 'a.example': [...many, '192.168.1.1'] }).resolve('a.example', '80'));
    expect(error).toMatchObject({ type: 'Tool.Blocked' });
  });

  it('no answer → Tool.Failed; a resolver that is away → Tool.Unavailable', async () => {
    expect(await failureOf(resolving({}).resolve('a.example', '80'))).toMatchObject({ type: 'Tool.Failed' });
    expect(await failureOf(failing('ENOTFOUND').resolve('a.example', '80'))).toMatchObject({ type: 'Tool.Failed' });
    expect(await failureOf(failing('EAI_AGAIN').resolve('a.example', '80'))).toMatchObject({
      type: 'Tool.Unavailable',
    });
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

  it('what is no address: not public', () => {
    for (const text of ['', 'example.com', '8.8.8.8/8', '08.8.8.8', '1.2.3', '[::1]', '2606:4700::1%eth0'])
      expect(isPublicAddress(text)).toBe(false);
  });
});
