import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { guardCheck } from '../../../cli/commands/guard-check.ts';

const resolve = [
  'a.example=93.184.215.14',
  'b.example=93.184.215.14,10.0.0.1',
  'xn--mnchen-3ya.example=2606:4700::1111',
];

async function check(input: string | Buffer, options: Partial<Parameters<typeof guardCheck>[2]> = {}) {
  const lines: unknown[] = [];
  const code = await guardCheck(
    Readable.from([Buffer.from(input)], { objectMode: false }),
    (line) => lines.push(JSON.parse(line)),
    { resolve, port: [], redirectChain: false, ...options },
  );
  expect(code).toBe(0);
  return lines;
}

const publicAddress = '93.184.215.14';

const chain = (length: number) => Array.from({ length }, () => 'http://a.example/').join('\t');

describe('guard-check', () => {
  it('one object a line, in order; blank lines skipped; the last needs no end', async () => {
    expect(await check('http://a.example/\n\n \t\u00a0\r\nhttp://127.1/\nhttp://münchen.example')).toEqual([
      { url: 'http://a.example/', allowed: true, reason: 'ok', addresses: [publicAddress] },
      { url: 'http://127.1/', allowed: false, reason: 'literal', addresses: ['127.0.0.1'] },
      { url: 'http://münchen.example', allowed: true, reason: 'ok', addresses: ['2606:4700::1111'] },
    ]);
  });

  it('the line as given: CR, outer blanks, tabs and a byte order mark stay; only LF ends it', async () => {
    expect(await check(' http://a.exa\tmple/\u2028x\r\n\ufeffhttp://a.example/\n')).toEqual([
      { url: ' http://a.exa\tmple/\u2028x\r', allowed: true, reason: 'ok', addresses: [publicAddress] },
      { url: '\ufeffhttp://a.example/', allowed: false, reason: 'parse', addresses: [] },
    ]);
  });

  it('bytes that are no UTF-8, NUL, and a line of 5 MB: judged, nothing breaks', async () => {
    const long = `http://a.example/${'x'.repeat(5_000_000)}`;
    const input = Buffer.concat([
      Buffer.from('http://a.example/\xff\n', 'latin1'),
      Buffer.from(`\0\n${long}\nhttp://a.example/\n`),
    ]);
    expect(await check(input)).toEqual([
      { url: 'http://a.example/\ufffd', allowed: true, reason: 'ok', addresses: [publicAddress] },
      { url: '\0', allowed: false, reason: 'parse', addresses: [] },
      { url: long, allowed: false, reason: 'parse', addresses: [] },
      { url: 'http://a.example/', allowed: true, reason: 'ok', addresses: [publicAddress] },
    ]);
  });

  it.each([
    ['http://b.example/', 'address', [publicAddress, '10.0.0.1']],
    ['http://c.example/', 'dns', []],
    ['http://a.example:8080/', 'port', []],
    ['http://a.example:8443/', 'ok', [publicAddress]],
    ['https://a.example:80/', 'ok', [publicAddress]],
    ['http://@a.example/', 'userinfo', []],
    ['http://a.example./', 'ok', [publicAddress]],
  ])('%s with --port 8443 → %s', async (url, reason, addresses) => {
    expect(await check(url, { port: [8443] })).toEqual([{ url, allowed: reason === 'ok', reason, addresses }]);
  });

  it.each([
    ['http://a.example/\t/b\thttps://8.8.8.8/', { allowed: true, reason: 'ok', addresses: ['8.8.8.8'] }],
    ['https://a.example/\thttp://a.example/', { allowed: true, reason: 'ok', addresses: [publicAddress] }],
    [
      'http://a.example/\t//10.0.0.1/\thttp://a.example/',
      { allowed: false, reason: 'literal', addresses: ['10.0.0.1'], hop: 1 },
    ],
    [
      'http://a.example/x\t//b.example/',
      { allowed: false, reason: 'address', addresses: [publicAddress, '10.0.0.1'], hop: 1 },
    ],
    ['http://a.example/\tfile:///etc/passwd', { allowed: false, reason: 'scheme', addresses: [], hop: 1 }],
    ['/b\thttp://a.example/', { allowed: false, reason: 'parse', addresses: [], hop: 0 }],
  ])('chain %j → %j', async (url, expected) => {
    expect(await check(url, { redirectChain: true })).toEqual([{ url, ...expected }]);
  });

  it('a chain of 20 hops is followed, of 21 refused', async () => {
    expect(await check(chain(20), { redirectChain: true })).toMatchObject([{ allowed: true }]);
    expect(await check(chain(21), { redirectChain: true })).toMatchObject([{ allowed: false, hop: 20 }]);
  });

  it('an entry of --resolve that is none → Config.Invalid', async () => {
    await expect(check('x', { resolve: ['a.example'] })).rejects.toMatchObject({ type: 'Config.Invalid' });
  });

  it('an address of --resolve that is none: not public; a name without addresses: not resolved', async () => {
    expect(
      await check('http://x.example/\nhttp://y.example/', { resolve: ['x.example=fe80::1%eth0', 'Y.example='] }),
    ).toMatchObject([{ reason: 'address' }, { reason: 'dns' }]);
  });
});
