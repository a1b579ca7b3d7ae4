import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { describePortHolder, findFreePort, requirePort } from '../../../infra/dev/ports.ts';

let server: Server | undefined;
afterEach(() => void server?.close());

async function listen(host: string): Promise<number> {
  const listening = createServer();
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, host, resolve));
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('ports', () => {
  it('findFreePort: a port that can be opened', async () => {
    await expect(requirePort(await findFreePort(), 'the API')).resolves.toBeUndefined();
  });

  it.each(['127.0.0.1', '::'])('describePortHolder: a listener on %s → its process and command', async (host) => {
    const port = await listen(host);
    expect(await describePortHolder(port)).toMatch(new RegExp(`^process ${process.pid} \\(.+\\)$`));
  });

  it('describePortHolder: nobody listens → null', async () => {
    expect(await describePortHolder(await findFreePort())).toBeNull();
  });

  it('requirePort: in use → Config.Invalid with port, purpose, holder and variable', async () => {
    const port = await listen('127.0.0.1');
    const attempt = requirePort(port, { name: 'the API', variable: 'LONGHAUL_API_PORT' });
    await expect(attempt).rejects.toMatchObject({ type: 'Config.Invalid', facts: { field: 'LONGHAUL_API_PORT' } });
    const text = `port ${port} of the API is in use by process ${process.pid} (`;
    await expect(attempt).rejects.toThrow(text);
    await expect(attempt).rejects.toThrow('LONGHAUL_API_PORT=<port>');
  });
});
