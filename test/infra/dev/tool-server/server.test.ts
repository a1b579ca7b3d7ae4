import { afterEach, describe, expect, it } from 'vitest';
import { text } from '../../../../infra/dev/model-server/w600.ts';
import { startToolServer, type ToolServer } from '../../../../infra/dev/tool-server/server.ts';

let server: ToolServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function call(tool: string, values: unknown, init: RequestInit = {}) {
  server ??= await startToolServer();
  const response = await fetch(`${server.url}/tools/${tool}`, {
    method: 'POST',
    headers: { 'idempotency-key': `key-${tool}` },
    body: JSON.stringify({ arguments: values }),
    ...init,
  });
  const body: unknown = await response.json();
  return { status: response.status, body };
}

describe('tool server', () => {
  it('echo: arguments → the same as text', async () => {
    expect(await call('echo', { a: [1] })).toEqual({ status: 200, body: { content: '{"a":[1]}' } });
  });

  it('bench: i → the tool result of W600', async () => {
    expect(await call('bench', { i: 3 })).toEqual({ status: 200, body: { content: text(1_000_003, 16_000) } });
  });

  it('fail: status asked for → that status with an error; none → 500', async () => {
    expect(await call('fail', { status: 418 })).toMatchObject({
      status: 418,
      body: { error: 'failed with 418, as asked' },
    });
    expect(await call('fail', {})).toMatchObject({ status: 500 });
  });

  it('bad arguments and unknown tools → 400 and 404 with the reason', async () => {
    expect(await call('bench', { i: -1 })).toMatchObject({ status: 400 });
    expect(await call('nothing', {})).toMatchObject({ status: 404, body: { error: 'no tool nothing' } });
  });

  it('log: every request → tool and step key, in order', async () => {
    await call('echo', {});
    await call('slow', { ms: 1 });
    const log: unknown = await (await fetch(`${server!.url}/log`)).json();
    expect(log).toMatchObject([
      { index: 0, tool: 'echo', stepKey: 'key-echo', outcome: 'complete', status: 200 },
      { index: 1, tool: 'slow', stepKey: 'key-slow', outcome: 'complete', status: 200 },
    ]);
  });

  it('slow: client goes away → logged as aborted', async () => {
    server = await startToolServer();
    const controller = new AbortController();
    const asked = call('slow', { ms: 600_000 }, { signal: controller.signal });
    await expect.poll(() => server?.requests().length).toBe(1);
    controller.abort();
    await expect(asked).rejects.toThrow(/abort/iu);
    await expect.poll(() => server?.requests()[0]?.outcome).toBe('aborted');
  });
});
