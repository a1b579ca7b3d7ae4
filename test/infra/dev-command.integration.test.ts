import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDevState } from '../../cli/dev-state.ts';
import { findFreePort } from '../../infra/dev/ports.ts';

const launcher = join(import.meta.dirname, '../../bin/longhaul');
let folder: string;
let child: ChildProcess | null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-dev-'));
  child = null;
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

describe('longhaul dev', () => {
  it('up: a table of parts; a question is answered through it; Ctrl-C: all ended, exit code 0', async () => {
    const [api, temporal, ui] = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
    const env = {
      ...process.env,
      LONGHAUL_DATA_DIR: folder,
      LONGHAUL_API_PORT: String(api),
      LONGHAUL_TEMPORAL_PORT: String(temporal),
      LONGHAUL_UI_PORT: String(ui),
    };
    child = spawn(process.execPath, [launcher, 'dev'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await expect.poll(() => shown, { timeout: 90_000 }).toContain('ask something');
    for (const name of ['temporal web ui', 'stand-in model', 'corpus', 'pool sandbox', 'api']) {
      expect(shown).toMatch(new RegExp(`^ +${name} +http://127\\.0\\.0\\.1:\\d+\\S* +up +\\d+`, 'm'));
    }
    expect(shown).toMatch(/^model +│ worker ready/m);
    expect(shown).toContain('STAND-IN');

    const question = spawn(process.execPath, [launcher, 'research', 'Who was Ilse Marn?', '--json'], {
      env: { ...process.env, LONGHAUL_DATA_DIR: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let answer = '';
    question.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await once(question, 'close');
    expect(JSON.parse(answer)).toMatchObject({ object: 'research', stand_in: true, progress: { phase: 'ended' } });

    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(shown).toContain('all parts have ended');
    expect(readDevState(folder)).toBeNull();
  }, 180_000);
});
