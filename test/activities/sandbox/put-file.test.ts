import { symlinkSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Attachment, PutRequest } from '../../../activities/sandbox/ports.ts';
import { aSandbox, type SandboxFixture } from './sandbox-fixture.ts';

const attachmentOf = (text: string): Attachment => ({
  sizeBytes: text.length,
  open: async () =>
    (async function* () {
      yield Buffer.from(text);
    })(),
});

const put = (box: SandboxFixture, request: PutRequest, text = 'content') =>
  box.run(JSON.stringify(request), { kind: 'put', attachment: attachmentOf(text) });

describe('a file put into a sandbox', () => {
  it('a folder that is not there: made, and the file is the next step’s own', async () => {
    await using box = await aSandbox();
    const result = await put(box, { path: '/home/user/in/deep', name: 'data.csv', isFolder: true });
    expect(result).toMatchObject({ exitCode: 0, stdout: '/home/user/in/deep/data.csv\n' });
    expect((await box.run('cat in/deep/data.csv; echo more >> in/deep/data.csv; ls /run/job')).stdout).toBe(
      'contentmain\n',
    );
  });

  it('a file, a folder that is there, a path from the home: where they say', async () => {
    await using box = await aSandbox();
    await box.run('mkdir d; echo old > x.txt');
    const places: [PutRequest, string][] = [
      [{ path: '/home/user/x.txt', name: 'data', isFolder: false }, '/home/user/x.txt\n'],
      [{ path: 'd', name: 'data', isFolder: false }, '/home/user/d/data\n'],
      [{ path: 'e/y.txt', name: 'data', isFolder: false }, '/home/user/e/y.txt\n'],
    ];
    for (const [request, place] of places) expect((await put(box, request)).stdout).toBe(place);
    expect((await box.run('cat x.txt d/data e/y.txt')).stdout).toBe('contentcontentcontent');
  });

  it.each(['/tmp/x', '/etc', '..', '/home/user/../../etc'])('%s: refused with the reason', async (path) => {
    await using box = await aSandbox();
    const result = await put(box, { path, name: 'x', isFolder: true });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('only files under /home/user are kept');
  });

  it('links of the workspace: out of the home → refused; in the file’s place → replaced, what they led to stays', async () => {
    await using box = await aSandbox();
    await box.run('ln -s /tmp out; echo mine > real; ln -s real alias');
    expect((await put(box, { path: 'out', name: 'x', isFolder: true })).exitCode).toBe(1);
    expect((await put(box, { path: 'alias', name: 'x', isFolder: false })).exitCode).toBe(0);
    expect((await box.run('cat real alias')).stdout).toBe('mine\ncontent');
  });

  it('a file of the host behind a link in the workspace: not touched', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const victim = `${box.directory}/victim`;
    await writeFile(victim, 'host');
    symlinkSync(victim, box.path('work', 'link'));
    await put(box, { path: 'link', name: 'x', isFolder: false });
    expect(await readFile(victim, 'utf8')).toBe('host');
  });
});
