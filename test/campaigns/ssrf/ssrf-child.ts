/**
 * The attacks themselves. Runs in a network namespace of its own in which every address is this process: whatever is connected to by
 * mistake is counted here, and no packet can leave. Prints one JSON object.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { createAddressGuard, type LookupAll } from '../../../activities/web/adapters/address-guard.ts';
import { createGuardedFetch } from '../../../activities/web/adapters/guarded-fetch.ts';
import { createPageReader, type PageReader } from '../../../activities/web/adapters/page-fetch.ts';
import type { PageParser } from '../../../activities/web/adapters/page-parser.ts';
import { isPublicAddress } from '../../../domain/addresses/public-address.ts';
import { AppError } from '../../../domain/errors.ts';
import { forbiddenIpv4, forbiddenIpv6, makeUrls } from './attack-vectors.ts';

const publicAddress = '93.184.215.14';
const publicIpv6 = '2606:4700::1111';
const statuses = [301, 302, 303, 307, 308];
const alternations = Number(process.argv[2] ?? 200);

interface Tally {
  cases: number;
  hits: number;
  positiveControls: number;
  fired: number;
  readonly byMode: Record<string, number>;
  readonly broken: string[];
}

const tally: Tally = { cases: 0, hits: 0, positiveControls: 0, fired: 0, byMode: {}, broken: [] };
const webPorts = [80, 443];
const otherPorts = [22, 2375, 5432, 6379, 7233, 8080, 8700];

/** Answers on every address: a site on public ones, a canary on the others. */
async function listen(): Promise<Server[]> {
  const ports = [...webPorts, ...otherPorts];
  return Promise.all(
    ports.map(async (port) => {
      const server = createServer(answer);
      server.on('connection', (socket) => {
        const local = (socket.localAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
        if (!isPublicAddress(local) || !webPorts.includes(port)) tally.hits += 1;
      });
      await new Promise<void>((resolve) => {
        server.listen(port, '::', resolve);
      });
      return server;
    }),
  );
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { searchParams } = new URL(request.url ?? '/', 'http://site.example/');
  const to = searchParams.get('to');
  response.setHeader('content-type', 'text/plain');
  if (to === null) response.end('public');
  else if (searchParams.has('refresh')) response.setHeader('refresh', `0;url=${encodeURI(to)}`).end('public');
  else {
    response.writeHead(Number(searchParams.get('status') ?? 302), { location: toLocation(to) }).end();
  }
}

/** A header is ASCII; what is not is escaped, as servers do and the URL parser undoes. */
function toLocation(target: string): string {
  return target.replaceAll(/[^\u0021-\u007e]/gu, (character) => encodeURIComponent(character.toWellFormed()));
}

/** Text as it came: what is tried here is where it came from. */
const parser: PageParser = {
  parse: ({ bytes }) =>
    Promise.resolve({
      kind: 'text',
      mediaType: 'text/plain',
      title: null,
      markdown: Buffer.from(bytes).toString(),
      links: [],
      truncated: false,
    }),
  close: () => {},
};

function aReader(lookup: LookupAll): PageReader {
  return createPageReader({ guard: createAddressGuard({ lookup }), userAgent: 'campaign', parser, timeoutMs: 5000 });
}

const call = { signal: new AbortController().signal, stepKey: 'campaign' };
const toSite: LookupAll = () => Promise.resolve([{ address: publicAddress }]);

/** Tries one attack: it must fail as an observation, and nobody forbidden may have heard of it. */
async function attack(mode: string, what: string, act: () => Promise<unknown>): Promise<void> {
  tally.cases += 1;
  tally.byMode[mode] = (tally.byMode[mode] ?? 0) + 1;
  const before = tally.hits;
  const failure = await act().then(
    () => null,
    (error: unknown) => error,
  );
  const isRefused = failure instanceof AppError && ['Tool.Blocked', 'Tool.Failed'].includes(failure.type);
  if (!isRefused) tally.broken.push(`${mode}: ${what} was not refused (${String(failure).slice(0, 120)})`);
  if (tally.hits > before) tally.broken.push(`${mode}: ${what} reached a canary`);
}

/** What must work, or the guard would pass by refusing everything. */
async function allow(what: string, act: () => Promise<{ readonly text: string }>): Promise<void> {
  const text = await act().then(
    (page) => page.text,
    (error: unknown) => String(error),
  );
  if (text !== 'public') tally.broken.push(`${what} was not read (${text.slice(0, 120)})`);
}

async function control(what: string, act: () => Promise<unknown>): Promise<void> {
  tally.positiveControls += 1;
  const before = tally.hits;
  await act().catch(() => {});
  if (tally.hits > before) tally.fired += 1;
  else tally.broken.push(`control: ${what} did not fire`);
}

const agentFor = (address: string) =>
  new Agent({
    connect: { lookup: (_name, _options, done) => done(null, [{ address, family: address.includes(':') ? 6 : 4 }]) },
  });

/** With the guard off the canaries are within reach: directly, by redirect, by name, by a name that changes. */
async function runControls(): Promise<void> {
  for (const address of [...forbiddenIpv4, ...forbiddenIpv6]) await control(address, () => touch(address));
  for (const status of statuses)
    await control(`redirect ${status}`, () =>
      undiciFetch(`http://${publicAddress}/?status=${status}&to=http://10.0.1.${status - 300}/`).then((response) =>
        response.text(),
      ),
    );
  for (const address of ['127.0.0.1', '10.0.0.1', 'fd00:ec2::254'])
    await control(`a name at ${address}`, () =>
      undiciFetch('http://name.example/', { dispatcher: agentFor(address) }).then((response) => response.text()),
    );
  await control('a name that changes', async () => {
    const answers = [publicAddress, '169.254.169.254'];
    const checked = isPublicAddress(answers[0] ?? '');
    if (checked) await undiciFetch('http://rebind.example/', { dispatcher: agentFor(answers[1] ?? '') });
  });
  await control('a number', () => undiciFetch('http://2130706433/').then((response) => response.text()));
}

function touch(address: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 80 });
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    socket.once('error', done);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    socket.once('data', done);
    socket.setTimeout(3000, done);
  });
}

async function runDirect(urls: readonly string[]): Promise<void> {
  const reader = aReader(toSite);
  const guarded = createGuardedFetch({ guard: createAddressGuard({ lookup: toSite }) });
  for (const url of urls) {
    await attack('direct', url, () => reader.read({ url }, call));
    await attack('fetch', url, () => guarded.fetch(url));
  }
  await allow('a public address', () => reader.read({ url: `http://${publicAddress}/` }, call));
  await allow('a public IPv6 address', () => reader.read({ url: `http://[${publicIpv6}]/` }, call));
  await allow('a public name', () => reader.read({ url: 'http://site.example/' }, call));
  await reader.close();
  await guarded.close();
}

async function runRedirects(urls: readonly string[]): Promise<void> {
  const reader = aReader(toSite);
  // A target that is no URL of its own is relative to the site, and leads nowhere else.
  const absolute = urls.filter(
    (url) => URL.canParse(url) && URL.parse(toLocation(url), 'http://site.example/')?.host !== 'site.example',
  );
  for (const [index, url] of absolute.entries()) {
    const status = statuses[index % statuses.length] ?? 302;
    const target = index % 7 === 6 && url.startsWith('http://') ? url.slice('http:'.length) : url;
    const via = `http://site.example/?status=${status}&to=${encodeURIComponent(target)}`;
    if (via.length > 2000) continue;
    await attack('redirect', `${status} to ${target}`, () => reader.read({ url: via }, call));
  }
  await allow('a redirect to a public page', () =>
    reader.read({ url: 'http://site.example/?status=302&to=http://other.example/' }, call),
  );
  await allow('a refresh header, which is not followed', () =>
    reader.read({ url: 'http://site.example/?refresh=1&to=http://10.0.0.1/' }, call),
  );
  await reader.close();
}

const forms = (address: string): readonly (readonly string[])[] => {
  const mixed = [
    [address],
    [publicAddress, address],
    [address, publicAddress],
    [...Array.from({ length: 300 }, () => publicAddress), address],
  ];
  return address.includes(':') ? mixed : [...mixed, [`::ffff:${address}`], [`64:ff9b::${address}`]];
};

async function runNames(): Promise<void> {
  for (const address of [...forbiddenIpv4, ...forbiddenIpv6, 'fe80::1%lo', 'not an address']) {
    for (const answers of forms(address)) {
      const reader = aReader(() => Promise.resolve(answers.map((one) => ({ address: one }))));
      await attack('dns', `a name at ${answers.slice(0, 3).join(', ')}`, () =>
        reader.read({ url: 'http://name.example/' }, call),
      );
      await reader.close();
    }
  }
}

/** A name that is public when it is looked at and forbidden when it is used, again and again, over connections that are kept. */
async function runRebinding(): Promise<void> {
  const forbidden = [...forbiddenIpv4, ...forbiddenIpv6];
  let asked = 0;
  const lookup: LookupAll = () => {
    asked += 1;
    const address = asked % 2 === 1 ? publicAddress : (forbidden[asked % forbidden.length] ?? '127.0.0.1');
    return Promise.resolve([{ address }]);
  };
  let reader = aReader(lookup);
  for (let index = 0; index < alternations; index += 1) {
    tally.cases += 1;
    tally.byMode['rebind'] = (tally.byMode['rebind'] ?? 0) + 1;
    const before = tally.hits;
    await reader.read({ url: `http://rebind${index % 50}.example/` }, call).catch(() => {});
    if (tally.hits > before) tally.broken.push(`rebind: alternation ${index} reached a canary`);
    // Without kept connections every request asks the resolver anew.
    if (index % 3 === 2) {
      await reader.close();
      reader = aReader(lookup);
    }
  }
  await reader.close();
}

const servers = await listen();
await runControls();
const afterControls = tally.hits;
const urls = makeUrls();
await runDirect(urls);
await runRedirects(urls);
await runNames();
await runRebinding();
process.stdout.write(
  `${JSON.stringify({ ...tally, addresses: urls.length, canaryHits: tally.hits - afterControls })}\n`,
);
for (const server of servers) server.closeAllConnections();
process.exit(0);
