import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { poolNames } from '../../domain/tools.ts';
import type { RunView } from '../../api/runs/run-schemas.ts';
import { type Door, openDoor, refOf } from '../support/door.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

let surroundings: Surroundings;
let house: House;
let door: Door;
let folder: string;
let apiUrl: string;

const call = (tool: string, args: Record<string, unknown>) => ({ server: 'test', tool, arguments: args });

/** What the model says first, by a word of the question; then it ends. */
const replies = [
  { when: 'broken gauge', at: 0, text: 'I read it.', calls: [call('gauge', { lake: 'Hallm See' })] },
  { when: 'keyed gauge', at: 0, text: 'I set it.', calls: [call('keyed', { ms: 1 })] },
  { when: 'slow gauge', at: 0, text: 'I wait for it.', calls: [call('slow', { ms: 3_000 })] },
  { when: 'two gauges', at: 0, text: 'I read one.', calls: [call('echo', { gauge: 1 })] },
  { at: 0, text: 'I read it.', calls: [call('echo', { gauge: 1 })] },
  { at: 1, text: 'I read another.', calls: [call('echo', { gauge: 2 })] },
  { at: 2, text: 'That is enough.' },
];

beforeAll(async () => {
  surroundings = await openSurroundings({ replies, final: { text: 'It is deep.\n\\boxed{42 m}' } });
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] });
  door = openDoor(house, {
    careful: (profile) => ({ ...profile, approval: { effects: ['keyed', 'unkeyed'], tools: [] } }),
  });
  apiUrl = await door.listen();
  folder = await mkdtemp(join(tmpdir(), 'longhaul-walk-'));
  // `longhaul` on the PATH, as after an installation.
  await writeFile(join(folder, 'longhaul'), `#!/bin/sh\nexec "${process.execPath}" "${root}/bin/longhaul" "$@"\n`);
  await chmod(join(folder, 'longhaul'), 0o755);
});

afterAll(async () => {
  await door?.close();
  await house?.close();
  await surroundings?.close();
  await rm(folder, { recursive: true, force: true });
});

const asks = (run: RunView): boolean => run.status === 'requires_action';
const ended = (run: RunView): boolean => run.outcome !== null;
const submit = (input: string, more: Record<string, unknown> = {}): Promise<string> =>
  door.submit({ input, profile: 'agent', ...more });

interface Prepared {
  readonly id: string;
  readonly step?: number;
}

/** A run as a section of the guide finds it. */
async function submitBroken(): Promise<Prepared> {
  const id = await submit('Read the broken gauge.', { on_step_failure: 'pause' });
  await door.until(id, 'the question', asks);
  return { id, step: 1 };
}

async function submitCareful(): Promise<Prepared> {
  const id = await submit('Set the keyed gauge.', { profile: 'careful' });
  await door.until(id, 'the question', asks);
  return { id, step: 1 };
}

async function submitEnded(): Promise<Prepared> {
  const id = await submit('Read the gauge.');
  await door.until(id, 'the end', ended);
  return { id, step: 2 };
}

const recordOf = async (id: string, seq: number) =>
  (await readRecords(house.storage.trajectory, refOf(id)))[seq]?.record;

interface Section {
  readonly prepare: () => Promise<Prepared>;
  /** What must be so after the section's block. */
  readonly check: (prepared: Prepared, printed: string) => Promise<void>;
}

/** Every block of the guide, under its heading, in order. */
const sections: Readonly<Record<string, readonly Section[]>> = {
  'See why it stands still': [
    {
      prepare: submitBroken,
      check: async ({ id }, printed) => {
        expect(printed.split('\n').find((line) => line.includes(id))).toMatch(/requires_action|decision/);
        expect(printed).toContain('step 1');
        await door.verb(id, 'cancel');
      },
    },
  ],
  'Pause, steer, resume': [
    {
      prepare: async () => ({ id: await submit('Read the slow gauge.') }),
      check: async ({ id }) => {
        expect(await door.until(id, 'the end', ended)).toMatchObject({ outcome: 'answered' });
        const records = await readRecords(house.storage.trajectory, refOf(id));
        const message = records.find(({ record }) => record.kind === 'message');
        expect(message?.record.hold).toMatchObject({ action: 'steer', by: 'ann' });
      },
    },
  ],
  'Retry a step': [
    {
      prepare: submitBroken,
      check: async ({ id }, printed) => {
        expect(printed).toContain('Tool.Unavailable');
        await door.until(id, 'the next question', asks);
        await door.verb(id, 'cancel');
      },
    },
  ],
  'Skip a step': [
    {
      prepare: submitBroken,
      check: async ({ id }) => {
        await door.until(id, 'the end', ended);
        expect((await recordOf(id, 1))?.failure?.type).toBe('Step.Skipped');
      },
    },
  ],
  'Edit a step': [
    {
      prepare: submitBroken,
      check: async ({ id }) => {
        await door.until(id, 'the end', ended);
        expect(await recordOf(id, 1)).toMatchObject({
          status: 'ok',
          hold: { action: 'edit', by: 'ann', why: 'misspelt' },
        });
      },
    },
  ],
  'Approve or deny a call': [
    {
      prepare: submitCareful,
      check: async ({ id }) => {
        await door.until(id, 'the end', ended);
        expect(await recordOf(id, 1)).toMatchObject({ status: 'ok', hold: { action: 'approve' } });
      },
    },
    {
      prepare: submitCareful,
      check: async ({ id }) => {
        await door.until(id, 'the end', ended);
        expect((await recordOf(id, 1))?.failure?.type).toBe('Step.Denied');
      },
    },
  ],
  'Raise a limit': [
    {
      prepare: async () => {
        const id = await submit('Read two gauges.', { budget: { max_tool_calls: 1, on_exceed: 'pause' } });
        await door.until(id, 'the pause', (run) => run.status === 'paused');
        return { id };
      },
      check: async ({ id }) => {
        expect(await door.until(id, 'the end', ended)).toMatchObject({ outcome: 'answered', limit_hit: null });
      },
    },
  ],
  'Ask for the answer now': [
    {
      prepare: async () => ({ id: await submit('Read the slow gauge.') }),
      check: async ({ id }) => {
        expect(await door.until(id, 'the end', ended)).toMatchObject({ limit_hit: 'finalize_requested' });
      },
    },
  ],
  Fork: [
    {
      prepare: submitEnded,
      check: async ({ id }, printed) => {
        const { forks } = await door.read(id);
        expect(forks).toHaveLength(1);
        expect(printed).toContain(forks[0]);
        await door.until(forks[0] ?? '', 'the end of the fork', ended);
      },
    },
  ],
  'Read what the model read, and prove it': [
    {
      prepare: submitEnded,
      check: async (_prepared, printed) => {
        expect(printed).toContain('Read the gauge.');
        expect(printed).toMatch(/\d+ events?/);
      },
    },
  ],
};

const blocks = [
  ...(await readFile(join(root, 'docs/operating.md'), 'utf8')).matchAll(/^### (.+)$|^```sh\n([\s\S]*?)^```$/gm),
];

/** Shell blocks of the guide with the headings above them. */
function listBlocks(): { heading: string; script: string }[] {
  let heading = '';
  return blocks.flatMap(([, title, script]) => {
    heading = title ?? heading;
    return script === undefined ? [] : [{ heading, script }];
  });
}

describe('docs/operating.md', () => {
  it('every block has its test, and every test its block', () => {
    const expected = Object.entries(sections).flatMap(([heading, list]) => list.map(() => heading));
    expect(listBlocks().map(({ heading }) => heading)).toEqual(expected);
  });

  it.each(listBlocks().map(({ heading, script }, index) => ({ heading, script, index })))(
    '$heading (block $index): does what the guide says',
    async ({ heading, script, index }) => {
      const nth = listBlocks()
        .slice(0, index)
        .filter((block) => block.heading === heading).length;
      const section = sections[heading]?.[nth];
      assert.ok(section !== undefined, `no test for ${heading}`);
      const prepared = await section.prepare();
      const env = {
        PATH: `${folder}:${process.env['PATH'] ?? ''}`,
        HOME: folder,
        USER: 'walker',
        LONGHAUL_API_URL: apiUrl,
        RUN: prepared.id,
        STEP: String(prepared.step ?? ''),
      };
      const { stdout, stderr } = await execute('bash', ['-euo', 'pipefail', '-c', script], { env, cwd: folder });
      expect(stdout).not.toBe('');
      await section.check(prepared, `${stdout}${stderr}`);
    },
  );
});
