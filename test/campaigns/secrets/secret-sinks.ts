import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { OpenAI } from 'openai';
import { pino } from 'pino';
import { toModelError } from '../../../activities/model/adapters/openai-errors.ts';
import { createAddressGuard } from '../../../activities/web/adapters/address-guard.ts';
import { createJinaReader } from '../../../activities/web/adapters/jina.ts';
import { createPageReader } from '../../../activities/web/adapters/page-fetch.ts';
import { createPageParser } from '../../../activities/web/adapters/page-parser.ts';
import { createModelReader } from '../../../activities/web/adapters/reader-model.ts';
import { createProviderSearch } from '../../../activities/web/adapters/search/provider-search.ts';
import { searchProviders } from '../../../activities/web/adapters/search/providers.ts';
import { toProblem } from '../../../api/http/problem.ts';
import { toAppError } from '../../../domain/errors.ts';
import { loadApiConfig, loadWorkerConfig } from '../../../workers/compose/config.ts';
import { root } from '../../support/repository.ts';
import type { PlantedSecrets } from './planted-secrets.ts';

/** A place where secrets end up when nobody looks, and what was found there. */
export interface Sink {
  readonly name: string;
  readonly text: string;
}

const call = { signal: new AbortController().signal, stepKey: 'campaign' };

/** Everything that a value could be turned into on its way to a log, a record, an event or a person. */
function everyForm(value: unknown): string {
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  pino({}, sink).error({ value, err: value }, 'logged');
  const failure = value instanceof Error ? toAppError(value) : null;
  const problem = failure === null ? '' : JSON.stringify(toProblem(failure, { instance: '/', id: 'x' }));
  const cause = value instanceof Error ? inspect(value.cause, { depth: 10 }) : '';
  return [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 10, showHidden: true }),
    problem,
    cause,
    ...lines,
  ].join('\n');
}

/** A good configuration, shown; and every bad one, whose errors may quote nothing. */
export function configSinks(secrets: PlantedSecrets): readonly Sink[] {
  const good = {
    ...secrets,
    LONGHAUL_POOLS: 'web,model',
    LONGHAUL_STORE: 'file:store',
    LONGHAUL_READER: 'extractive',
    SEARXNG_BASE_URL: 'http://127.0.0.1:1/',
  };
  const loaded = loadWorkerConfig(good);
  const bad = Object.values(secrets).flatMap((secret) =>
    [
      'LONGHAUL_STORE',
      'LONGHAUL_POOLS',
      'SEARXNG_BASE_URL',
      'OPENAI_BASE_URL',
      'LONGHAUL_FETCH_ALLOW',
      'LONGHAUL_SEARCH',
      'LONGHAUL_TYPO',
    ].map((name) => failureOf(() => loadWorkerConfig({ ...good, [name]: `${secret} ` }))),
  );
  const api = Object.values(secrets).map((secret) =>
    failureOf(() => loadApiConfig({ ...good, LONGHAUL_MODEL: 'm', LONGHAUL_TIME_ZONE: secret })),
  );
  return [
    { name: 'configuration, loaded', text: everyForm(loaded) },
    { name: 'configuration, refused', text: [...bad, ...api].map((failure) => everyForm(failure)).join('\n') },
  ];
}

function failureOf(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}

/** A server that tells everything it was sent back, with some status. */
async function startEcho(): Promise<{ readonly origin: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const status = Number(
      /s=(\d{3})/.exec(request.headers['user-agent'] ?? request.url ?? '')?.[1] ??
        statuses[(turn += 1) % statuses.length],
    );
    const told = JSON.stringify({
      message: JSON.stringify(request.headers),
      error: { message: JSON.stringify(request.headers) },
    });
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(told);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP server');
  return { origin: `http://127.0.0.1:${address.port}`, server };
}

const statuses = [200, 400, 401, 402, 403, 404, 422, 429, 500, 503, 0];
let turn = 0;

/** Providers that send our own key back in their errors, and connections that break. */
export async function providerSinks(secrets: PlantedSecrets): Promise<readonly Sink[]> {
  const { origin, server } = await startEcho();
  const failures: unknown[] = [];
  const collect = async (promise: Promise<unknown>): Promise<void> => {
    failures.push(await promise.catch((error: unknown) => error));
  };
  const guard = createAddressGuard({ lookup: () => Promise.resolve([{ address: '93.184.215.14' }]) });
  const secret = (name: string) => secrets[name] ?? '';
  try {
    for (let round = 0; round < statuses.length; round += 1) {
      for (const [name, provider] of Object.entries(searchProviders)) {
        const apiKey = secret(name === 'searxng' ? 'EXA_API_KEY' : `${name.toUpperCase()}_API_KEY`);
        await collect(createProviderSearch(provider, { apiKey, baseUrl: origin }).search({ q: 'x' }, call));
      }
      await collect(
        createJinaReader({ guard, apiKey: secret('JINA_API_KEY'), baseUrl: origin }).read(
          { url: 'https://a.example/' },
          call,
        ),
      );
      const client = new OpenAI({ apiKey: secret('OPENAI_API_KEY'), baseURL: `${origin}/v1`, maxRetries: 0 });
      const reader = createModelReader({ client, model: 'm', toModelError });
      await collect(reader.extract({ text: 'x', wanted: 'y', maxTokens: 10 }, call));
    }
    const gone = { apiKey: secret('SERPER_API_KEY'), baseUrl: 'http://127.0.0.1:1' };
    await collect(createProviderSearch(searchProviders.serper, gone).search({ q: 'x' }, call));
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return [{ name: 'failures of providers', text: failures.map((failure) => everyForm(failure)).join('\n') }];
}

/** What a page is told when it is read, with the whole environment planted. */
export async function pageSinks(): Promise<readonly Sink[]> {
  const { origin, server } = await startEcho();
  const parser = createPageParser();
  const port = origin.split(':').at(-1) ?? '';
  const pages = createPageReader({
    guard: createAddressGuard({ allow: [`127.0.0.1:${port}`] }),
    userAgent: 's=200',
    parser,
  });
  try {
    const page = await pages.read({ url: `${origin}/`, headers: { 'User-Agent': 's=200' } }, call);
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    const seen = children.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    // The parser is the child that was started last.
    const last = children.at(-1) ?? '';
    return [
      { name: 'headers that a page is sent', text: page.text },
      { name: 'arguments of processes', text: seen.join('\n') },
      { name: 'environment of the parser', text: readFileSync(`/proc/${last}/environ`, 'utf8') },
    ];
  } finally {
    await pages.close();
    parser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** What processes of ours print that cannot start, or that read a file. */
export async function processSinks(secrets: PlantedSecrets, file: string): Promise<readonly Sink[]> {
  const env = { PATH: process.env['PATH'] ?? '', ...secrets };
  const commands: readonly (readonly string[])[] = [
    ['workers/main.ts'],
    ['api/main.ts'],
    ['cli/main.ts', 'read', file, '--json'],
    ['cli/main.ts', 'list'],
    ['cli/main.ts', 'doctor', '--json'],
  ];
  return Promise.all(
    commands.map(async (command) => ({
      name: `output of ${command.slice(0, 2).join(' ')}`,
      text: await outputOf(command, env),
    })),
  );
}

function outputOf(command: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', ...command], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', () => {
      clearTimeout(timer);
      resolve(output);
    });
  });
}
