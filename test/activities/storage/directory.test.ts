import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { describeObjectStore, type StoreFixture } from './object-store.contract.ts';

async function createFixture(): Promise<StoreFixture> {
  const home = await mkdtemp(join(tmpdir(), 'longhaul-store-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const [directory, aside] = [join(home, 'store'), join(home, 'aside')];
  const removed = {
    name: 'folder removed',
    begin: async () => rename(directory, aside).catch(() => writeFile(directory, 'never opened')),
    end: async () => {
      await rm(directory, { force: true });
      await rename(aside, directory).catch(() => undefined);
    },
  };
  const replaced = {
    name: 'folder made a file',
    begin: async () => {
      await rename(directory, aside);
      await writeFile(directory, 'a file');
    },
    end: removed.end,
  };
  return { spec: { kind: 'directory', directory }, outages: [removed, replaced] };
}

describeObjectStore('directory', createFixture);
