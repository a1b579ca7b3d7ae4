// Records the kept history of `replay.test.ts` from a real run: node test/replay/record-history.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startTemporalServer } from '../../infra/dev/toolchain/temporal-server.ts';
import { ensureTemporal } from '../../infra/dev/toolchain/temporal.ts';
import { openHouse, openSurroundings } from '../support/house.ts';

const echo = (text: string) => ({ server: 'test', tool: 'echo', arguments: { text } });
const search = { server: 'search_and_scrape_webpage', tool: 'google_search', arguments: { q: 'lighthouse' } };

/** Fourteen turns: single and parallel calls, a refused one, one whose tool fails. */
const replies = [
  { text: 'Search first.', calls: [search] },
  { text: 'Three at once.', calls: [echo('a'), echo('b'), echo('c')] },
  { text: 'A tool that is not there.', calls: [{ server: 'test', tool: 'telescope' }] },
  {
    text: 'One that fails, beside one that works.',
    calls: [{ server: 'test', tool: 'fail', arguments: { status: 400 } }, echo('d')],
  },
  ...Array.from({ length: 9 }, (_, index) => ({ text: `Turn ${index}.`, calls: [echo(String(index))] })),
  { text: 'Nothing more to look up.' },
];

/** Names of machines and processes say nothing about the run; the flags of the SDK in `sdkMetadata` decide what a replay checks. */
function withoutIdentities(value: unknown): unknown {
  // Sticky queues are named by their worker.
  if (typeof value === 'string') return value.includes('@') ? 'a-worker' : value;
  if (Array.isArray(value)) return value.map(withoutIdentities);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([key]) => key !== 'identity' && key !== 'workerVersion');
  return Object.fromEntries(members.map(([key, member]) => [key, withoutIdentities(member)]));
}

const directory = await mkdtemp(join(tmpdir(), 'longhaul-replay-'));
const tool = await ensureTemporal({ env: process.env, report: (line) => console.error(line) });
const server = await startTemporalServer({
  binary: tool.path,
  databaseFile: join(directory, 'temporal.db'),
  uiPort: null,
});
try {
  const surroundings = await openSurroundings({ replies, final: { text: 'It is \\boxed{tall}' } });
  const processes = [['orchestrator', 'model', 'web', 'tools']] as const;
  const house = await openHouse({ temporalAddress: server.address, surroundings, processes });
  const submitted = await house.submit('How tall is the lighthouse?');
  const outcome = await submitted.outcome();
  const { events } = JSON.parse(historyToJSON(await submitted.handle.fetchHistory()));
  await writeFile(
    fileURLToPath(new URL('history.json', import.meta.url)),
    `${JSON.stringify(withoutIdentities({ events }))}\n`,
  );
  console.error(`${outcome.outcome} after ${outcome.steps} steps, ${events.length} events`);
  await house.close();
  await surroundings.close();
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
