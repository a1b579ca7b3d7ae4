// One step of a sandbox in a process of its own; started by `startWorker` with an IPC channel.
import { createHostDriver } from '../../../activities/sandbox/adapters/host-driver.ts';
import { createSandbox } from '../../../activities/sandbox/continuity.ts';
import { createLeaseStore } from '../../../activities/sandbox/lease.ts';
import { createTreeStore } from '../../../activities/sandbox/tree/tree-store.ts';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { createBlobStore } from '../../../activities/storage/blob-store.ts';
import { toAppError } from '../../../domain/errors.ts';
import type { SandboxOrder, SandboxReport } from './sandbox-order.ts';

const report = (message: SandboxReport): void => void process.send?.(message);

async function work(order: SandboxOrder): Promise<SandboxReport> {
  const objects = createDirectoryStore({ directory: order.storeDirectory });
  const sandbox = createSandbox({
    driver: createHostDriver({ directory: order.directory }),
    leases: createLeaseStore(objects, Date.now),
    trees: createTreeStore({ objects, blobs: createBlobStore(objects) }),
    holder: String(process.pid),
    onPoint: (point) => {
      report({ kind: 'point', point });
      if (point === order.at) process.kill(process.pid, order.how);
    },
  });
  try {
    const scope = { signal: new AbortController().signal, reportWaiting: () => {} };
    return { kind: 'result', result: await sandbox.run(order.ref, order.job, scope) };
  } catch (error) {
    const { type, message } = toAppError(error);
    return { kind: 'failure', type, message };
  }
}

process.once('message', (order: SandboxOrder) => {
  void work(order).then((end) => process.send?.(end, () => process.disconnect()));
});
