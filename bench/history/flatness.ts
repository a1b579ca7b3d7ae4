import { join } from 'node:path';
import type { BenchContext } from '../support/bench-context.ts';
import { startPeer } from '../support/peer.ts';
import { startModel, startTemporal } from '../support/servers.ts';
import { openStage } from '../support/stage.ts';
import { lastOverFirstDecile, mean, median } from '../support/statistics.ts';
import { readTurnTimes, runWorkload } from '../support/workload.ts';

/** How a turn's time grows over a run, ours and the bare peer's on the same server. */
export interface Flatness {
  readonly lastOverFirstDecile: number;
  readonly bareLastOverFirstDecile: number;
  readonly msPerTurn: number;
  readonly bareMsPerTurn: number;
}

/** Turns of the runs that warm both sides up: the compilers of the runtimes must be done before the first tenth is timed. */
const warmUpTurns = 100;

/** Alternated runs of ours and the peer's; medians. */
export async function measureFlatness(
  context: BenchContext,
  options: {
    readonly turns: number;
    readonly pairs: number;
    readonly toolsFile: string;
    readonly toolServerUrl: string;
  },
): Promise<Flatness> {
  const { turns, toolsFile } = options;
  const { signal, report } = context;
  await using ends = new AsyncDisposableStack();
  const directory = join(context.directory, 'flatness');
  const server = await startTemporal(context, join(directory, 'temporal.sqlite'));
  ends.defer(() => server.stop());
  const model = await startModel(context, 'model-flatness', { generate: 'w600', turns });
  ends.defer(() => model.stop());
  const shared = { temporalAddress: server.address, modelUrl: model.url, toolsFile };
  const store = `file:${join(directory, 'store')}`;
  const stage = await openStage(context, { ...shared, store, queuePrefix: '', corpus: null, sandboxDirectory: null });
  ends.defer(() => stage.close());
  const { client } = stage.runs;
  const peer = await startPeer(context, client, { ...shared, toolServerUrl: options.toolServerUrl, turns });
  ends.defer(() => peer.close());
  const timeOurs = async () => readTurnTimes(model.url, (await runWorkload(stage, { signal, turns })).runId, turns);
  const timeBare = async () => readTurnTimes(model.url, await peer.run({ signal, turns }), turns);
  const warm = { signal, turns: warmUpTurns, maxTurns: warmUpTurns };
  await runWorkload(stage, warm);
  await peer.run(warm);
  const ours: number[][] = [];
  const bare: number[][] = [];
  for (let pair = 0; pair < options.pairs; pair += 1) {
    if (pair % 2 === 0) ours.push(await timeOurs());
    bare.push(await timeBare());
    if (pair % 2 === 1) ours.push(await timeOurs());
    const [left, right] = [lastOverFirstDecile(ours.at(-1) ?? []), lastOverFirstDecile(bare.at(-1) ?? [])];
    report(`pair ${pair + 1} of ${options.pairs}: last over first tenth ${left.toFixed(3)}, bare ${right.toFixed(3)}`);
  }
  return {
    lastOverFirstDecile: median(ours.map(lastOverFirstDecile)),
    bareLastOverFirstDecile: median(bare.map(lastOverFirstDecile)),
    msPerTurn: median(ours.map(mean)),
    bareMsPerTurn: median(bare.map(mean)),
  };
}
