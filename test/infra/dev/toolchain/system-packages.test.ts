import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureBubblewrap } from '../../../../infra/dev/toolchain/system-packages.ts';
import { type FakeMachine, makeMachine, writeScript } from './fake-tools.ts';

let machine: FakeMachine;
beforeEach(async () => void (machine = await makeMachine()));
afterEach(() => rm(machine.root, { recursive: true, force: true }));

const ensure = (userId: number) => ensureBubblewrap({ env: machine.env, report: machine.report, userId });
const bwrapScript = 'echo "bubblewrap 0.8.0"';

describe('ensureBubblewrap', () => {
  it('on PATH: its path and version, and apt-get is not run', async () => {
    const path = await writeScript(join(machine.bin, 'bwrap'), bwrapScript);
    await writeScript(join(machine.bin, 'apt-get'), 'exit 9');
    expect(await ensure(0)).toEqual({ path, version: '0.8.0' });
    expect(machine.lines).toEqual([]);
  });

  it('absent, not root: the exact command is named and nothing is run', async () => {
    await writeScript(join(machine.bin, 'apt-get'), `printf '#!/bin/sh\\n${bwrapScript}\\n' > "${machine.bin}/bwrap"`);
    await expect(ensure(1_000)).rejects.toMatchObject({
      type: 'Config.Invalid',
      facts: { mend: 'Run: sudo apt-get update && sudo apt-get install -y bubblewrap' },
    });
  });

  it('absent, root: installed with apt-get, after an update, without questions', async () => {
    const log = join(machine.root, 'apt');
    const install = `printf '#!/bin/sh\\n${bwrapScript}\\n' > "${machine.bin}/bwrap"; /bin/chmod 755 "${machine.bin}/bwrap"`;
    await writeScript(
      join(machine.bin, 'apt-get'),
      `echo "$DEBIAN_FRONTEND $*" >> "${log}"\ncase "$*" in *install*bubblewrap*) ${install} ;; esac`,
    );
    expect(await ensure(0)).toMatchObject({ version: '0.8.0' });
    const calls = (await readFile(log, 'utf8')).trim().split('\n');
    expect(calls).toHaveLength(2);
    expect(calls[0]).toMatch(/^noninteractive .* update /);
    expect(calls[1]).toMatch(/^noninteractive .* install -y /);
    expect(machine.lines.join('\n')).toContain('installing bubblewrap');
  });

  it('absent, root, and apt-get fails: its words and the command', async () => {
    await writeScript(join(machine.bin, 'apt-get'), 'echo "E: Unable to locate package"; exit 100');
    await expect(ensure(0)).rejects.toThrow(/Unable to locate package.*apt-get install -y bubblewrap/s);
  });
});
