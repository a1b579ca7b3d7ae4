import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../api/http/problem.ts';
import { createFixture } from './api-fixture.ts';

interface Row {
  readonly name: string;
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  /** Pointer of the first error. */
  readonly field?: string;
  readonly rule?: string;
}

const unknownRun = '/v1/research/rsch_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const invalid = (name: string, body: unknown, [field, rule]: readonly [string, string]): Row => ({
  name,
  body,
  status: 422,
  code: rule === 'unknown_field' ? 'unknown_field' : 'invalid_field',
  field,
  rule,
});
const badJson = (name: string, raw: string | Uint8Array<ArrayBuffer>): Row => ({
  name,
  raw,
  status: 400,
  code: 'bad_json',
});
const budget = (name: string, value: object, [field, rule]: readonly [string, string]) =>
  invalid(name, { input: 'q', budget: value }, [`/budget/${field}`, rule]);

const rows: readonly Row[] = [
  badJson('empty body', ''),
  badJson('not JSON', 'hello'),
  badJson('trailing comma', '{"input":"q",}'),
  badJson('bare word', '{input:"q"}'),
  badJson('comment', '{"input":"q"/* no */}'),
  badJson('bad escape', '{"input":"\\q"}'),
  badJson('control character in a string', '{"input":"a\nb"}'),
  badJson('leading zero', '{"input":"q","budget":{"max_turns":01}}'),
  badJson('NaN', '{"input":"q","budget":{"max_turns":NaN}}'),
  badJson('truncated', '{"input":"q"'),
  badJson('trailing garbage', '{"input":"q"} x'),
  badJson('two values', '{"input":"q"}{"input":"r"}'),
  badJson('single quotes', "{'input':'q'}"),
  badJson('100,000 nested brackets', '['.repeat(100_000)),
  badJson('65 levels', `{"input":${'['.repeat(64)}${']'.repeat(64)}}`),
  badJson('duplicate key', '{"input":"q","input":"r"}'),
  badJson('duplicate key by escape', '{"input":"q","\\u0069nput":"r"}'),
  badJson('duplicate key inside', '{"input":"q","budget":{"max_turns":1,"max_turns":2}}'),
  badJson('byte order mark', '\uFEFF{"input":"q"}'),
  badJson('UTF-16', new Uint8Array(Buffer.from('{"input":"q"}', 'utf16le'))),
  badJson('bad UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])),
  badJson('NUL byte', '{"input":"q"}\0'),
  { ...invalid('null', null, ['', 'invalid_type']) },
  { ...invalid('array', [], ['', 'invalid_type']) },
  { ...invalid('string', 'q', ['', 'invalid_type']), raw: '"q"' },
  { ...invalid('number', 7, ['', 'invalid_type']), raw: '7' },
  invalid('no input', {}, ['/input', 'invalid_type']),
  invalid('input null', { input: null }, ['/input', 'invalid_type']),
  invalid('input a number', { input: 7 }, ['/input', 'invalid_type']),
  invalid('input an array', { input: ['q'] }, ['/input', 'invalid_type']),
  invalid('input empty', { input: '' }, ['/input', 'not_blank']),
  invalid('input blank', { input: ' \n\t\u00A0' }, ['/input', 'not_blank']),
  invalid('input with NUL', { input: 'a\0b' }, ['/input', 'no_nul']),
  { ...invalid('input with half a surrogate pair', null, ['/input', 'well_formed']), raw: '{"input":"a\\ud800"}' },
  invalid('input of 64 KB and 1 byte', { input: 'x'.repeat(65_537) }, ['/input', 'max_bytes']),
  invalid('input of 64 KB in UTF-8 only', { input: 'é'.repeat(32_769) }, ['/input', 'max_bytes']),
  invalid('unknown field', { input: 'q', instructions: 'x' }, ['/instructions', 'unknown_field']),
  invalid('unknown field with a slash', { input: 'q', 'a/b~c': 1 }, ['/a~1b~0c', 'unknown_field']),
  invalid('idempotency_key in the body', { input: 'q', idempotency_key: 'k' }, ['/idempotency_key', 'unknown_field']),
  invalid('constructor', { input: 'q', constructor: {} }, ['/constructor', 'unknown_field']),
  { ...invalid('__proto__', null, ['/__proto__', 'unknown_field']), raw: '{"input":"q","__proto__":{"profile":"x"}}' },
  {
    ...invalid('__proto__ inside', null, ['/budget/__proto__', 'unknown_field']),
    raw: '{"input":"q","budget":{"__proto__":1}}',
  },
  {
    ...invalid('__proto__ in metadata', null, ['/metadata/__proto__', 'unknown_field']),
    raw: '{"input":"q","metadata":{"__proto__":"1"}}',
  },
  invalid('unknown profile', { input: 'q', profile: 'gpt' }, ['/profile', 'invalid_field']),
  invalid('profile of another alphabet', { input: 'q', profile: '../x' }, ['/profile', 'invalid_format']),
  invalid('budget an array', { input: 'q', budget: [] }, ['/budget', 'invalid_type']),
  budget('turns 0', { max_turns: 0 }, ['max_turns', 'too_small']),
  budget('turns negative', { max_turns: -1 }, ['max_turns', 'too_small']),
  budget('turns a fraction', { max_turns: 1.5 }, ['max_turns', 'invalid_type']),
  budget('turns as text', { max_turns: '7' }, ['max_turns', 'invalid_type']),
  budget('turns 10^9', { max_turns: 1_000_000_000 }, ['max_turns', 'too_big']),
  budget("turns above the profile's", { max_turns: 601 }, ['max_turns', 'invalid_field']),
  {
    ...budget('turns 2^63', {}, ['max_turns', 'invalid_field']),
    raw: '{"input":"q","budget":{"max_turns":9223372036854775808}}',
  },
  {
    ...budget('tokens 1e999', {}, ['max_tokens', 'invalid_field']),
    raw: '{"input":"q","budget":{"max_tokens":1e999}}',
  },
  budget('tool calls negative', { max_tool_calls: -1 }, ['max_tool_calls', 'too_small']),
  budget("tool calls above the profile's", { max_tool_calls: 99_999 }, ['max_tool_calls', 'invalid_field']),
  budget('tokens 0', { max_tokens: 0 }, ['max_tokens', 'too_small']),
  budget('seconds 0', { max_wall_seconds: 0 }, ['max_wall_seconds', 'too_small']),
  budget("seconds above the profile's", { max_wall_seconds: 86_401 }, ['max_wall_seconds', 'invalid_field']),
  budget('money 0', { max_cost_usd: 0 }, ['max_cost_usd', 'too_small']),
  budget('money without prices', { max_cost_usd: 1 }, ['max_cost_usd', 'invalid_field']),
  budget('a way that is none', { on_exceed: 'explode' }, ['on_exceed', 'invalid_value']),
  budget('unknown limit', { max_searches: 1 }, ['max_searches', 'unknown_field']),
  invalid('metadata a text', { input: 'q', metadata: 'x' }, ['/metadata', 'invalid_type']),
  invalid('metadata with a number', { input: 'q', metadata: { a: 1 } }, ['/metadata/a', 'invalid_type']),
  invalid('metadata value of 513', { input: 'q', metadata: { a: 'x'.repeat(513) } }, ['/metadata/a', 'too_big']),
  invalid('metadata key of 65', { input: 'q', metadata: { ['k'.repeat(65)]: 'x' } }, ['/metadata', 'key_length']),
  invalid('metadata key empty', { input: 'q', metadata: { '': 'x' } }, ['/metadata', 'key_length']),
  invalid(
    '17 metadata pairs',
    { input: 'q', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'x'])) },
    ['/metadata', 'max_pairs'],
  ),
  { name: 'body of 257 KB', raw: `{"input":"${'x'.repeat(257 * 1024)}"}`, status: 413, code: 'payload_too_large' },
  {
    name: 'no content type',
    raw: '{"input":"q"}',
    headers: { 'content-type': '' },
    status: 415,
    code: 'unsupported_media_type',
    field: 'content-type',
  },
  {
    name: 'a form',
    raw: 'input=q',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'text/plain',
    raw: '{"input":"q"}',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'Latin 1',
    raw: '{"input":"q"}',
    headers: { 'content-type': 'application/json; charset=iso-8859-1' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'compressed',
    raw: '{"input":"q"}',
    headers: { 'content-encoding': 'gzip' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'key of 256',
    body: { input: 'q' },
    headers: { 'idempotency-key': 'k'.repeat(256) },
    status: 422,
    code: 'invalid_field',
    field: 'idempotency-key',
  },
  {
    name: 'key with a space',
    body: { input: 'q' },
    headers: { 'idempotency-key': 'a b' },
    status: 422,
    code: 'invalid_field',
    field: 'idempotency-key',
  },
  {
    name: 'key empty',
    body: { input: 'q' },
    headers: { 'idempotency-key': '' },
    status: 422,
    code: 'invalid_field',
    field: 'idempotency-key',
  },
  {
    name: 'key beyond ASCII',
    body: { input: 'q' },
    headers: { 'idempotency-key': 'schlüssel' },
    status: 422,
    code: 'invalid_field',
    field: 'idempotency-key',
  },
  {
    name: 'foreign host',
    method: 'GET',
    path: '/v1/research',
    headers: { host: 'evil.example:8700' },
    status: 403,
    code: 'forbidden',
    field: 'host',
  },
  {
    name: 'own host, other port',
    method: 'GET',
    path: '/v1/research',
    headers: { host: '127.0.0.1:9' },
    status: 403,
    code: 'forbidden',
    field: 'host',
  },
  {
    name: 'foreign origin',
    body: { input: 'q' },
    headers: { origin: 'https://evil.example' },
    status: 403,
    code: 'forbidden',
    field: 'origin',
  },
  {
    name: 'origin null',
    body: { input: 'q' },
    headers: { origin: 'null' },
    status: 403,
    code: 'forbidden',
    field: 'origin',
  },
  {
    name: 'own origin over TLS',
    body: { input: 'q' },
    headers: { origin: 'https://127.0.0.1:8700' },
    status: 403,
    code: 'forbidden',
    field: 'origin',
  },
  {
    name: 'cross-site GET',
    method: 'GET',
    path: '/v1/research',
    headers: { 'sec-fetch-site': 'cross-site' },
    status: 403,
    code: 'forbidden',
  },
  { name: 'unknown path', method: 'GET', path: '/v1/runs', status: 404, code: 'not_found' },
  { name: 'unknown run', method: 'GET', path: unknownRun, status: 404, code: 'not_found' },
  { name: 'id of another alphabet', method: 'GET', path: '/v1/research/rsch_hello', status: 404, code: 'not_found' },
  {
    name: 'id of 1,001 characters',
    method: 'GET',
    path: `/v1/research/${'0'.repeat(1_001)}`,
    status: 404,
    code: 'not_found',
  },
  { name: 'id that climbs', method: 'GET', path: '/v1/research/..%2f..%2fetc', status: 404, code: 'not_found' },
  { name: 'id with a line break', method: 'GET', path: '/v1/research/rsch_%0Ax', status: 404, code: 'not_found' },
  { name: 'id of emoji', method: 'GET', path: '/v1/research/%F0%9F%98%80', status: 404, code: 'not_found' },
  { name: 'id with a broken escape', method: 'GET', path: '/v1/research/%zz', status: 404, code: 'not_found' },
  { name: 'events of an unknown run', method: 'GET', path: `${unknownRun}/events`, status: 404, code: 'not_found' },
  {
    name: 'stream of an unknown run',
    method: 'GET',
    path: `${unknownRun}/events`,
    headers: { accept: 'text/event-stream' },
    status: 404,
    code: 'not_found',
  },
  {
    name: 'trajectory of an unknown run',
    method: 'GET',
    path: `${unknownRun}/trajectory`,
    status: 404,
    code: 'not_found',
  },
  { name: 'step of an unknown run', method: 'GET', path: `${unknownRun}/steps/0`, status: 404, code: 'not_found' },
  { name: 'cancel of an unknown run', path: `${unknownRun}/cancel`, raw: '', status: 404, code: 'not_found' },
  {
    name: 'cancel with a body',
    path: `${unknownRun}/cancel`,
    body: { reason: 'x' },
    status: 422,
    code: 'invalid_field',
  },
  {
    name: 'cancel with a form',
    path: `${unknownRun}/cancel`,
    raw: 'a=b',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'after_seq negative',
    method: 'GET',
    path: `${unknownRun}/events?after_seq=-1`,
    status: 400,
    code: 'bad_cursor',
    field: '/after_seq',
  },
  {
    name: 'after_seq a word',
    method: 'GET',
    path: `${unknownRun}/events?after_seq=x`,
    status: 400,
    code: 'bad_cursor',
    field: '/after_seq',
  },
  {
    name: 'Last-Event-ID a word',
    method: 'GET',
    path: `${unknownRun}/events`,
    headers: { 'last-event-id': 'x' },
    status: 400,
    code: 'bad_cursor',
    field: 'last-event-id',
  },
  {
    name: 'events limit 1001',
    method: 'GET',
    path: `${unknownRun}/events?limit=1001`,
    status: 422,
    code: 'invalid_field',
    field: '/limit',
  },
  {
    name: 'format unknown',
    method: 'GET',
    path: `${unknownRun}/trajectory?format=xml`,
    status: 422,
    code: 'invalid_field',
    field: '/format',
  },
  {
    name: 'content unknown',
    method: 'GET',
    path: `${unknownRun}/trajectory?content=all`,
    status: 422,
    code: 'invalid_field',
    field: '/content',
  },
  { name: 'limit 0', method: 'GET', path: '/v1/research?limit=0', status: 422, code: 'invalid_field', field: '/limit' },
  {
    name: 'limit 101',
    method: 'GET',
    path: '/v1/research?limit=101',
    status: 422,
    code: 'invalid_field',
    field: '/limit',
  },
  {
    name: 'limit a fraction',
    method: 'GET',
    path: '/v1/research?limit=1.5',
    status: 422,
    code: 'invalid_field',
    field: '/limit',
  },
  {
    name: 'limit empty',
    method: 'GET',
    path: '/v1/research?limit=',
    status: 422,
    code: 'invalid_field',
    field: '/limit',
  },
  {
    name: 'limit twice',
    method: 'GET',
    path: '/v1/research?limit=1&limit=2',
    status: 422,
    code: 'invalid_field',
    field: '/limit',
  },
  {
    name: 'order unknown',
    method: 'GET',
    path: '/v1/research?order=up',
    status: 422,
    code: 'invalid_field',
    field: '/order',
  },
  {
    name: 'status unknown',
    method: 'GET',
    path: "/v1/research?status=x'%20OR%201=1",
    status: 422,
    code: 'invalid_field',
    field: '/status',
  },
  {
    name: 'parameter unknown',
    method: 'GET',
    path: '/v1/research?page=2',
    status: 422,
    code: 'unknown_field',
    field: '/page',
  },
  {
    name: 'cursor wrong',
    method: 'GET',
    path: '/v1/research?after=abc',
    status: 400,
    code: 'bad_cursor',
    field: '/after',
  },
  {
    name: 'cursor with SQL',
    method: 'GET',
    path: "/v1/research?before=rsch_'%20OR%20'1",
    status: 400,
    code: 'bad_cursor',
    field: '/before',
  },
  { name: 'PUT', method: 'PUT', path: '/v1/research', status: 405, code: 'method_not_allowed' },
  { name: 'DELETE of a run', method: 'DELETE', path: unknownRun, status: 405, code: 'method_not_allowed' },
  { name: 'GET of cancel', method: 'GET', path: `${unknownRun}/cancel`, status: 405, code: 'method_not_allowed' },
  { name: 'OPTIONS', method: 'OPTIONS', path: '/v1/research', status: 405, code: 'method_not_allowed' },
];

describe('bad input', () => {
  it('table: has rows of every kind', () => {
    expect(rows.length).toBeGreaterThanOrEqual(100);
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
  });

  it.each(rows)('$name: → $status $code', async (row) => {
    const fixture = createFixture();
    const method = row.method ?? 'POST';
    const body = row.raw ?? (row.body === undefined && method !== 'POST' ? null : JSON.stringify(row.body));
    const response = await fixture.api.app.request(row.path ?? '/v1/research', {
      method,
      headers: { ...(method === 'POST' ? { 'content-type': 'application/json' } : {}), ...row.headers },
      ...(method === 'GET' ? {} : { body }),
    });
    const text = await response.text();
    expect({ status: response.status, text }).toMatchObject({ status: row.status });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/u);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const problem = problemSchema.parse(JSON.parse(text));
    expect(problem).toMatchObject({ status: row.status, code: row.code });
    expect({ ...problem.errors[0] }).toMatchObject({
      ...(row.field === undefined ? {} : { pointer: row.field }),
      ...(row.rule === undefined ? {} : { rule: row.rule }),
    });
    expect(text.length).toBeLessThan(4_096);
    expect(text).not.toMatch(/node:|\.ts|at Object/u);
    expect(fixture.engine.starts).toEqual([]);
    expect([...fixture.objects.objects.keys()]).toEqual([]);
    expect(Reflect.get({}, 'profile')).toBeUndefined();
  });

  it('several broken rules: → each is named', async () => {
    const { post } = createFixture();
    const response = await post('/v1/research', { inpt: 'q', budget: { max_turns: 0, max_tokens: 'x' } });
    const problem = problemSchema.parse(await response.json());
    const pointers = problem.errors.map(({ pointer }) => pointer);
    expect(pointers.toSorted()).toEqual(['/budget/max_tokens', '/budget/max_turns', '/input', '/inpt'].toSorted());
  });

  it('method not allowed: → Allow lists the ones there are', async () => {
    const { api } = createFixture();
    const response = await api.app.request('/v1/research', { method: 'PATCH' });
    expect(response.headers.get('allow')).toBe('POST, GET, HEAD');
  });

  it('an endless body: → 413 before it is buffered', async () => {
    const { api } = createFixture();
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://localhost/v1/research', {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    });
    const response = await api.app.request(request);
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(1_000_000);
  });

  it('borderline bodies: → accepted by rule', async () => {
    const accepted = [
      '{"input":"q"}',
      ' \r\n\t{"input":"q"} ',
      '{"input":"\\u00e9\\ud83d\\ude00"}',
      '{"input":"{\\"a\\":[[[\\\\"}',
      '{"input":"q","budget":{"max_turns":1e2}}',
      '{"input":"q","budget":{"max_turns":7.0,"max_tokens":9007199254740991}}',
      '{"input":"q","budget":null,"profile":null,"metadata":null}',
      '{"input":"q","metadata":{"constructor":"x"}}',
      `{"input":"${'x'.repeat(65_536)}"}`,
    ];
    for (const raw of accepted) {
      const { post } = createFixture();
      const response = await post('/v1/research', raw, { 'content-type': 'application/json; charset=UTF-8' });
      expect({ raw: raw.slice(0, 80), status: response.status }).toMatchObject({ status: 202 });
    }
  });

  it('odd texts: → stored as they came', async () => {
    const texts = [
      '\u202Eabc\u200B',
      '${7*7}{{x}}%s',
      "'; DROP TABLE runs; --",
      '\u001B[31mred',
      'a\tb\nc',
      '../../etc/passwd',
      '\u0301',
    ];
    for (const text of texts) {
      const { post, trajectory, engine } = createFixture();
      await post('/v1/research', { input: text });
      const run = engine.starts[0]?.run ?? { tenant: '', runId: '' };
      expect((await trajectory.readManifest(run))?.question).toBe(text);
    }
  });
});
