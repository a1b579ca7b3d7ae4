import { describe, expect, it } from 'vitest';

import { createAddressGuard, createTableLookup } from '../../../../activities/web/adapters/address-guard.ts';
import { failureOf } from '../local-server.ts';

function resolving(answers: Readonly<Record<string, readonly string[]>>): ReturnType<typeof createAddressGuard> {
  return createAddressGuard({
    allow: ['127.0.0.1:8711'],
    lookup: (hostname) => Promise.resolve((answers[hostname] ?? []).map((address) => ({ address }))),
  });
}

function failing(code: string): ReturnType<typeof createAddressGuard> {
  return createAddressGuard({ allow: [], lookup: () => Promise.reject(Object.assign(new Error('x'), { code })) });
}

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

describe('check', () => {
  it.each([
    ['http://a.example/', { allowed: true, reason: 'ok', addresses: ['8.8.8.8', '2606:4700::1111'] }],
    ['http://A.EXAMPLE./', { allowed: true, reason: 'ok', addresses: ['8.8.8.8', '2606:4700::1111'] }],
    ['http://b.example/', { allowed: false, reason: 'address', addresses: ['8.8.8.8', '10.0.0.1'] }],
    ['http://c.example/', { allowed: false, reason: 'dns', addresses: [] }],
    ['http://8.8.8.8/', { allowed: true, reason: 'ok', addresses: ['8.8.8.8'] }],
    ['http://0x7f.1/', { allowed: false, reason: 'literal', addresses: ['127.0.0.1'] }],
    ['http://localhost/', { allowed: false, reason: 'denied-host', addresses: [] }],
    ['http://b.example:8080/', { allowed: false, reason: 'port', addresses: [] }],
  ])('%s → %j', async (url, expected) => {
    const table = new Map([
      ['a.example', ['8.8.8.8', '2606:4700::1111']],
      ['b.example', ['8.8.8.8', '10.0.0.1']],
    ]);
    expect(await createAddressGuard({ lookup: createTableLookup(table) }).check(url)).toMatchObject(expected);
  });

  it('a resolver that fails: dns, nothing thrown', async () => {
    expect(await failing('EAI_AGAIN').check('http://a.example/')).toMatchObject({ allowed: false, reason: 'dns' });
  });
});
