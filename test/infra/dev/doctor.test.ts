import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runDoctor } from '../../../infra/dev/doctor.ts';
import { findFreePort } from '../../../infra/dev/ports.ts';
import { type FakeMachine, makeMachine, writeScript } from './toolchain/fake-tools.ts';

const reportSchema = z.strictObject({
  components: z.array(
    z.strictObject({
      name: z.string(),
      ok: z.boolean(),
      needed: z.boolean(),
      version: z.string().nullable(),
      mend: z.string().nullable(),
    }),
  ),
  ok: z.boolean(),
});

let machine: FakeMachine;
beforeEach(async () => void (machine = await makeMachine()));
afterEach(() => rm(machine.root, { recursive: true, force: true }));

async function diagnose(env: NodeJS.ProcessEnv) {
  let text = '';
  const directory = join(machine.root, 'state');
  const ok = await runDoctor({ env, write: (part) => void (text += part), json: true, directory });
  const report = reportSchema.parse(JSON.parse(text));
  expect(text.trimEnd().split('\n')).toHaveLength(1);
  expect(report.ok).toBe(ok);
  return { ok, find: (name: string) => report.components.find((component) => component.name === name) };
}

describe('runDoctor', () => {
  it('empty PATH, empty cache: false, and every missing component has its mend', async () => {
    const { ok, find } = await diagnose({ ...machine.env, PATH: '' });
    expect(ok).toBe(false);
    expect(find('temporal')).toMatchObject({ ok: false, needed: true });
    expect(find('temporal')?.mend).toContain('LONGHAUL_TEMPORAL_CLI');
    expect(find('npm')?.mend).toContain('apt-get install -y npm');
    expect(find('bubblewrap')?.mend).toContain('apt-get install -y bubblewrap');
    expect(find('user namespaces')).toMatchObject({ ok: false, needed: true });
    expect(find('versitygw')).toMatchObject({ ok: false, needed: false });
    for (const part of ['users', 'filter', 'groups', 'Python'])
      expect(find(`sandbox ${part}`)).toMatchObject({ needed: false });
    expect(find('node')).toMatchObject({ ok: true, version: process.versions.node });
  });

  it('lines for a person: one a component, then the verdict', async () => {
    const lines: string[] = [];
    const directory = join(machine.root, 'state');
    await runDoctor({ env: { ...machine.env, PATH: '' }, write: (line) => void lines.push(line), directory });
    expect(lines.filter((line) => line.startsWith('MISSING bubblewrap'))).toHaveLength(1);
    expect(lines.every((line) => line.endsWith('\n') && line.trimEnd().split('\n').length === 1)).toBe(true);
    expect(lines.at(-1)).toContain('Something needed is missing');
  });

  it('executables on PATH: their versions', async () => {
    await writeScript(join(machine.bin, 'npm'), 'echo 10.1.0');
    await writeScript(join(machine.bin, 'temporal'), 'echo "temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)"');
    await writeScript(join(machine.bin, 'bwrap'), '[ "$1" = --version ] && echo "bubblewrap 0.8.0"');
    const { find } = await diagnose(machine.env);
    expect(find('npm')).toMatchObject({ ok: true, version: '10.1.0' });
    expect(find('temporal')).toMatchObject({ ok: true, version: `1.31.2 (path: ${machine.bin}/temporal)` });
    expect(find('bubblewrap')).toMatchObject({ ok: true, version: `0.8.0 (${machine.bin}/bwrap)` });
  });

  it('namespaces refused to bubblewrap: missing, with what it said', async () => {
    const refuse = 'echo "bwrap: No permissions to create new namespace" >&2; exit 1';
    await writeScript(
      join(machine.bin, 'bwrap'),
      `[ "$1" = --version ] && { echo "bubblewrap 0.8.0"; exit 0; }\n${refuse}`,
    );
    const { ok, find } = await diagnose(machine.env);
    expect(ok).toBe(false);
    expect(find('user namespaces')).toMatchObject({ ok: false });
    expect(find('user namespaces')?.mend).not.toBeNull();
  });

  it('TEMPORAL_ADDRESS where nobody answers: missing, and no embedded server is needed', async () => {
    const address = `127.0.0.1:${await findFreePort()}`;
    const { ok, find } = await diagnose({ ...machine.env, TEMPORAL_ADDRESS: address });
    expect(ok).toBe(false);
    expect(find('temporal address')).toMatchObject({ ok: false, needed: true });
    expect(find('temporal address')?.version).toContain(address);
    expect(find('temporal')).toMatchObject({ ok: false, needed: false });
  });
}, 30_000);
