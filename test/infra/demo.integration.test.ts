import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('longhaul demo', () => {
  it('--json: one worker is killed, nothing is repeated, the answer is right, and no data is left', () => {
    const result = spawnSync(process.execPath, [join(root, 'bin/longhaul'), 'demo', '--json'], {
      env: { ...process.env, LONGHAUL_DATA_DIR: folder },
      encoding: 'utf8',
      timeout: 170_000,
    });
    // The story on standard error says what went wrong, when something did.
    expect({ status: result.status, stderr: result.status === 0 ? '' : result.stderr }).toEqual({
      status: 0,
      stderr: '',
    });
    const shown: unknown = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
    expect(shown).toMatchObject({
      outcome: 'answered',
      repeated: 0,
      interruptedAttempts: 1,
      answer: '17',
      costUsd: null,
      standIn: true,
      violations: [],
      ok: true,
    });
    expect(shown).toHaveProperty('runId', expect.stringMatching(/^rsch_[0-9A-Z]{26}$/));
    expect(shown).toHaveProperty('sources.0', { url: expect.stringContaining('/wiki/'), title: expect.any(String) });
    expect(result.stderr).toMatch(/kill -9 \d+/);
    expect(result.stderr).toMatch(/steps recorded, 0 repeated, 1 interrupted attempt$/m);
    expect(result.stderr).toContain('STAND-IN');
    expect(readdirSync(folder)).toEqual([]);
  }, 180_000);
});
