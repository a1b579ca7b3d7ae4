import { join } from 'node:path';
import type { BenchContext } from '../support/bench-context.ts';
import { type BarePeer, startPeer } from '../support/peer.ts';
import { startModel, startTemporal, startTools, writeToolsFile } from '../support/servers.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { warmUp, warmUpTurns } from '../support/workload.ts';

/** Both sides over the same servers, ready. */
export interface Arena {
  readonly stage: Stage;
  readonly peer: BarePeer;
  readonly modelUrl: string;
}

/** Starts servers, our pools and the peer for runs of `turns` turns, and warms both up. */
export async function withArena<T>(
  context: BenchContext,
  { name, turns }: { readonly name: string; readonly turns: number },
  use: (arena: Arena) => Promise<T>,
): Promise<T> {
  await using ends = new AsyncDisposableStack();
  const server = await startTemporal(context, join(context.directory, name, 'temporal.sqlite'));
  ends.defer(() => server.stop());
  const tools = await startTools(context);
  ends.defer(() => tools.stop());
  const model = await startModel(context, `${name}-model`, { generate: 'w600', turns });
  ends.defer(() => model.stop());
  const toolsFile = await writeToolsFile(context, tools.url);
  const stage = await openStage(context, {
    temporalAddress: server.address,
    store: `file:${join(context.directory, name, 'store')}`,
    queuePrefix: '',
    modelUrl: model.url,
    toolsFile,
    corpus: null,
    sandboxDirectory: null,
  });
  ends.defer(() => stage.close());
  const peerPlaces = {
    temporalAddress: server.address,
    modelUrl: model.url,
    toolServerUrl: tools.url,
    toolsFile,
    turns,
  };
  const peer = await startPeer(context, stage.runs.client, peerPlaces);
  ends.defer(() => peer.close());
  const { signal } = context;
  await warmUp(stage, signal);
  await peer.run({ signal, turns: warmUpTurns, maxTurns: warmUpTurns });
  return await use({ stage, peer, modelUrl: model.url });
}
