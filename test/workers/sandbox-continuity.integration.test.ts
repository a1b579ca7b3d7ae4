import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Door, openDoor, refOf } from '../support/door.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';
import { type PoolProcess, startPool } from '../support/processes.ts';

const command = (text: string) => ({
  server: 'tool-python',
  tool: 'run_command',
  arguments: { command: text, sandbox_id: '{sandbox}' },
});
const python = (code_block: string) => ({
  server: 'tool-python',
  tool: 'run_python_code',
  arguments: { code_block, sandbox_id: '{sandbox}' },
});
const say = (text: string, call: object) => ({ text, calls: [{ server: '', tool: '', ...call }] });

/** Steps: 0 model, 1 create, 2 model, 3 writes, 4 model, 5 sets, 6 model, 7 reads and appends, 8 model, 9 the answer. */
const replies = [
  say('A box.', { server: 'tool-python', tool: 'create_sandbox' }),
  say('A file, and a daemon.', command('echo one > log; (sleep 600 &) ; echo started')),
  say('A variable.', python('depth = 42\nprint(depth)')),
  say('Read it.', python('print(open("log").read(), depth)\nopen("log", "a").write("two\\n")')),
  { text: 'Enough.' },
];

let surroundings: Surroundings;
let house: House;
let door: Door;
let otherHost: PoolProcess;
let otherFolder: string;

beforeAll(async () => {
  surroundings = await openSurroundings({ replies, final: { text: '\\boxed{42}' } });
  const processes = [['orchestrator', 'model'], ['sandbox']] as const;
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes });
  door = openDoor(house);
  otherFolder = await mkdtemp(join(tmpdir(), 'longhaul-other-host-'));
  // Sandboxes run under a user id of their own, which must be able to reach its workspace.
  await chmod(otherFolder, 0o755);
});

afterAll(async () => {
  await door?.close();
  await otherHost?.stop();
  await house?.close();
  await surroundings?.close();
  await rm(otherFolder, { recursive: true, force: true });
});

const hasEnded = (run: { outcome: string | null }) => run.outcome !== null;

async function observationOf(id: string, seq: number): Promise<string | null> {
  const step = await house.storage.trajectory.readStep({ ...refOf(id), seq });
  return step === null ? null : house.storage.trajectory.readText('default', step, 'observation');
}

it('a fork on another host, once the first one is gone: begins with the files and variables of its step, and ends alike', async () => {
  const id = await door.submit({ input: 'How deep?', profile: 'agent' });
  const parent = await door.until(id, 'the end', hasEnded);
  expect(parent.outcome).toBe('answered');
  expect(await observationOf(id, 7)).toMatch(/one\\n.*42/s);
  const records = await readRecords(house.storage.trajectory, refOf(id));
  const trees = records.flatMap(({ record }) => record.tool?.sandbox?.treeDigest ?? []);
  expect(new Set(trees).size).toBe(trees.length);

  await house.processOf('sandbox').stop();
  otherHost = await startPool(['sandbox'], { ...house.env, LONGHAUL_SANDBOX_DIR: join(otherFolder, 'boxes') });
  const forked = (await door.verb(id, 'fork', { from_step: 7 })).id;
  const run = await door.until(forked, 'its end', hasEnded);
  expect(await observationOf(forked, 7)).toBe(await observationOf(id, 7));
  expect(run).toMatchObject({ outcome: 'answered', trajectory_digest: parent.trajectory_digest });
});
