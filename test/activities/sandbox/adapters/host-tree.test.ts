import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredTree } from '../../../../activities/sandbox/tree/tree-store.ts';
import { digestBytes } from '../../../../activities/storage/encoding.ts';
import { aHostTree } from '../tree-fixture.ts';
import { isRoot } from '../sandbox-fixture.ts';

const mebibyte = 1024 * 1024;

/** Names, kinds, modes, times and bytes of everything under a directory, as another tool sees them. */
function describeTree(root: string): string {
  const list = execFileSync('/usr/bin/find', ['.', '-mindepth', '1', '-printf', '%y %m %T@ %s %P %l\\0'], {
    cwd: root,
  });
  const entries = list.toString('latin1').split('\0').filter(Boolean);
  // Sizes of directories and times of links are the file system's own affair; links have no mode.
  const facts = entries.map((line) => {
    const [kind, mode, time, size, ...rest] = line.split(' ');
    const ms = Math.trunc(Number(time) * 1_000);
    if (kind === 'l') return ['l', ...rest].join(' ');
    return [kind, mode, kind === 'd' ? '-' : size, ms, ...rest].join(' ');
  });
  const sums = execFileSync('/bin/sh', ['-c', 'find . -type f -print0 | sort -z | xargs -0r sha256sum'], { cwd: root });
  return [...facts.toSorted(), sums.toString('latin1')].join('\n');
}

function fill(root: string): void {
  mkdirSync(join(root, 'src/deep/er'), { recursive: true });
  writeFileSync(join(root, 'src/a.py'), 'print(1)\n');
  writeFileSync(join(root, 'src/copy of a.py'), 'print(1)\n');
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a, 0x20])]), 'odd name');
  writeFileSync(join(root, 'large'), Buffer.alloc(9 * mebibyte, 'ab'));
  writeFileSync(join(root, 'middling'), Buffer.alloc(2 * mebibyte, 'cd'));
  symlinkSync('/usr/bin/python3', join(root, 'venv-python'));
  symlinkSync('nowhere', join(root, 'src/dangling'));
  symlinkSync('src', join(root, 'to-directory'));
  chmodSync(join(root, 'src/deep'), 0o550);
  utimesSync(join(root, 'src/a.py'), 1_600_000_000, 1_600_000_000);
}

describe('a tree of a host directory', () => {
  it('everything that is kept: restored elsewhere → the same to every tool, and the same digest', async () => {
    using host = aHostTree();
    fill(host.root);
    const captured = await host.capture();
    const restored = await host.restore(await host.get(await host.put(captured)));
    expect(describeTree(restored)).toBe(describeTree(host.root));
    expect(await host.verify(captured, 'bytes', restored)).not.toBeNull();
    chmodSync(join(host.root, 'src/deep'), 0o750);
    chmodSync(join(restored, 'src/deep'), 0o750);
  });

  it('order, times, owner and inode of files: not part of the digest', async () => {
    using one = aHostTree();
    using other = aHostTree();
    fill(one.root);
    for (const name of ['b', 'a']) writeFileSync(join(one.root, name), name);
    for (const name of ['a', 'b']) writeFileSync(join(other.root, name), name);
    fill(other.root);
    utimesSync(join(other.root, 'a'), 5, 5);
    const captured = await one.capture();
    expect((await other.capture()).digest).toBe(captured.digest);
    chmodSync(join(other.root, 'a'), 0o600);
    expect((await other.capture()).digest).not.toBe(captured.digest);
  });

  it('no files: no digest, and nothing is put', async () => {
    using host = aHostTree();
    expect(await host.capture()).toMatchObject({ digest: null, leftOut: [] });
    expect(host.objects.objects.size).toBe(0);
  });

  it('1,000 small files: packed into a few blobs', async () => {
    using host = aHostTree();
    for (let n = 0; n < 1_000; n += 1) writeFileSync(join(host.root, `f${n}`), Buffer.alloc(10_000, String(n)));
    await host.capture();
    expect(host.putBytes).toHaveLength(3);
    expect(Math.max(...host.putBytes)).toBeLessThanOrEqual(4 * mebibyte);
  });

  it('a second look: only what changed is put, and large files by their changed parts', async () => {
    using host = aHostTree();
    fill(host.root);
    const first = await host.capture();
    host.putBytes.length = 0;
    expect((await host.capture(first)).digest).toBe(first.digest);
    expect(host.putBytes).toEqual([]);
    appendFileSync(join(host.root, 'large'), 'x');
    writeFileSync(join(host.root, 'new'), 'new');
    renameSync(join(host.root, 'middling'), join(host.root, 'moved'));
    const second = await host.capture(first);
    expect(host.putBytes.toSorted((left, right) => left - right)).toEqual([3, mebibyte + 1]);
    const restored = await host.restore(await host.get(await host.put(second)));
    expect(await host.verify(second, 'bytes', restored)).not.toBeNull();
  });

  it('many looks at one file each: small files are packed anew before their packs are many', async () => {
    using host = aHostTree();
    let known = await host.capture();
    for (let n = 0; n < 80; n += 1) {
      writeFileSync(join(host.root, `f${n}`), String(n));
      known = await host.capture(known);
      const packs = new Set([...known.contents.values()].flat().map(({ blob }) => blob));
      expect(packs.size).toBeLessThan(40);
    }
    expect(readdirSync(await host.restore(known))).toHaveLength(80);
  });
});

describe('what no snapshot keeps', () => {
  it('pipes, sockets, setuid files, hard links: named and removed, or made files of their own; never waited for', async () => {
    using host = aHostTree();
    execFileSync('/usr/bin/mkfifo', [join(host.root, 'pipe')]);
    const server = createServer().listen(join(host.root, 'socket'));
    await once(server, 'listening');
    writeFileSync(join(host.root, 'suid'), 'x');
    chmodSync(join(host.root, 'suid'), 0o4755);
    writeFileSync(join(host.root, 'first'), 'twin', { mode: 0o640 });
    linkSync(join(host.root, 'first'), join(host.root, 'second'));
    mkdirSync(join(host.root, 'sticky'));
    chmodSync(join(host.root, 'sticky'), 0o1777);
    const captured = await host.capture();
    const named = captured.leftOut.map(({ path, why }) => `${path}: ${why}`).toSorted();
    expect(named).toEqual(['pipe: a pipe', 'socket: a socket', 'suid: a file with setuid, setgid or sticky bit']);
    expect(readdirSync(host.root).toSorted()).toEqual(['first', 'second', 'sticky']);
    expect([lstatSync(join(host.root, 'first')).nlink, lstatSync(join(host.root, 'second')).nlink]).toEqual([1, 1]);
    expect(lstatSync(join(host.root, 'second')).mode & 0o7777).toBe(0o640);
    expect(lstatSync(join(host.root, 'sticky')).mode & 0o7777).toBe(0o777);
    expect(await host.verify(captured, 'bytes')).not.toBeNull();
    server.close();
  });

  it.runIf(isRoot)('a device, which only root can make: named and removed', async () => {
    using host = aHostTree();
    execFileSync('/bin/mknod', [join(host.root, 'null'), 'c', '1', '3']);
    expect((await host.capture()).leftOut).toEqual([{ path: 'null', why: 'a device' }]);
    expect(readdirSync(host.root)).toEqual([]);
  });

  it('what lies too deep or under a path too long: named and removed as a whole', async () => {
    using host = aHostTree();
    const dig = 'for i in $(seq "$1"); do mkdir "$2" && cd "$2" || exit 1; done';
    execFileSync('/bin/bash', ['-c', dig, 'dig', '135', 'd'], { cwd: host.root });
    execFileSync('/bin/bash', ['-c', dig, 'dig', '16', 'n'.repeat(200)], { cwd: host.root });
    const captured = await host.capture();
    expect(captured.leftOut.map(({ why }) => why).toSorted()).toEqual([
      'it lies deeper than 128 directories',
      'its path has more than 3000 bytes',
    ]);
    expect(captured.entries).toHaveLength(128 + 14);
    expect(await host.verify(captured, 'bytes')).not.toBeNull();
  });

  it('links out of the workspace: kept as text, never followed', async () => {
    using host = aHostTree();
    const outside = join(host.base, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(host.root, 'out'));
    symlinkSync(join(outside, 'secret'), join(host.root, 'file'));
    const captured = await host.capture();
    expect(captured.entries).toEqual([
      { kind: 'link', path: 'file', target: join(outside, 'secret') },
      { kind: 'link', path: 'out', target: outside },
    ]);
    expect(host.putBytes).toEqual([]);
  });

  it('more names or bytes than allowed, holes counted: nothing is kept', async () => {
    using many = aHostTree({ entries: 10, bytes: 1_000 });
    for (let n = 0; n < 11; n += 1) writeFileSync(join(many.root, `f${n}`), '');
    expect(await many.look()).toEqual({ kind: 'excess', what: 'the workspace holds more than 10 files' });
    using large = aHostTree({ entries: 10, bytes: 1_000 });
    writeFileSync(join(large.root, 'sparse'), '');
    truncateSync(join(large.root, 'sparse'), 2 ** 42);
    expect(await large.look()).toMatchObject({ kind: 'excess', what: expect.stringContaining('more than 1000 bytes') });
    expect(large.putBytes).toEqual([]);
  });
});

describe('a workspace beside the tree that it should be', () => {
  const changes: Record<string, (root: string) => void> = {
    'a byte in a file': (root) => writeFileSync(join(root, 'src/a.py'), 'print(2)\n'),
    'a byte, with the times put back': (root) => {
      const { atime, mtime } = statSync(join(root, 'src/a.py'));
      writeFileSync(join(root, 'src/a.py'), 'print(2)\n');
      utimesSync(join(root, 'src/a.py'), atime, mtime);
    },
    'a new file': (root) => writeFileSync(join(root, 'src/b.py'), ''),
    'a file gone': (root) => unlinkSync(join(root, 'empty')),
    'a mode': (root) => chmodSync(join(root, 'run.sh'), 0o644),
    'a directory for a file': (root) => {
      unlinkSync(join(root, 'empty'));
      mkdirSync(join(root, 'empty'));
    },
    'another link text': (root) => {
      unlinkSync(join(root, 'venv-python'));
      symlinkSync('/usr/bin/python2', join(root, 'venv-python'));
    },
    'a link for a file': (root) => {
      renameSync(join(root, 'src/a.py'), join(root, '../a.py'));
      symlinkSync(join(root, '../a.py'), join(root, 'src/a.py'));
    },
    'an empty directory gone': (root) => rmSync(join(root, 'src/deep/er'), { recursive: true }),
  };

  it.each(Object.entries(changes))('%s: seen', async (_name, change) => {
    using host = aHostTree();
    fill(host.root);
    chmodSync(join(host.root, 'src/deep'), 0o755);
    const known = (await host.verify(await host.capture()))!;
    expect(await host.verify(known)).not.toBeNull();
    change(host.root);
    expect(await host.verify(known)).toBeNull();
  });

  it('files touched but not changed: the same, and the next look reads nothing', async () => {
    using host = aHostTree();
    fill(host.root);
    const known = await host.capture();
    utimesSync(join(host.root, 'large'), 7, 7);
    expect((await host.verify(known))?.digest).toBe(known.digest);
  });

  it('bytes rotten under unchanged hints: seen when all bytes are read', async () => {
    using host = aHostTree();
    writeFileSync(join(host.root, 'a'), 'good');
    const captured = await host.capture();
    writeFileSync(join(host.root, 'a'), 'evil');
    const { ino, size, mtimeNs, ctimeNs, mode } = lstatSync(join(host.root, 'a'), { bigint: true });
    const known = { ...captured, hints: new Map([['a', `${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode & 0o7777n}`]]) };
    expect(await host.verify(known, 'hints')).not.toBeNull();
    expect(await host.verify(known, 'bytes')).toBeNull();
  });
});

const file = (path: string, text: string) =>
  ({ kind: 'file', path, mode: 0o644, sizeBytes: text.length, digest: digestBytes(text) }) as const;

async function aTree(host: ReturnType<typeof aHostTree>, texts: Record<string, string>, stored = texts) {
  const contents = new Map<string, { blob: string; offset: number; length: number }[]>();
  for (const [path, text] of Object.entries(texts)) {
    const blob = await host.trees.putBlob('default', Buffer.from(stored[path] ?? ''));
    contents.set(digestBytes(text), [{ blob, offset: 0, length: text.length }]);
  }
  const entries = Object.entries(texts).map(([path, text]) => file(path, text));
  return { entries, contents, modifiedMs: new Map() } satisfies StoredTree;
}

describe('a restore', () => {
  it('bytes that are not those of the digest: Storage.Corrupt that names the file', async () => {
    using host = aHostTree();
    const tree = await aTree(host, { good: 'good', bad: 'right' }, { good: 'good', bad: 'wrong' });
    await expect(host.restore(tree)).rejects.toMatchObject({
      type: 'Storage.Corrupt',
      message: expect.stringContaining('"bad"'),
    });
  });

  it('pieces in another order: Storage.Corrupt', async () => {
    using host = aHostTree();
    const blob = await host.trees.putBlob('default', Buffer.from('abcd'));
    const entry = file('a', 'abcd');
    const pieces = [
      { blob, offset: 2, length: 2 },
      { blob, offset: 0, length: 2 },
    ];
    const tree = { entries: [entry], contents: new Map([[entry.digest, pieces]]), modifiedMs: new Map() };
    await expect(host.restore(tree)).rejects.toMatchObject({ type: 'Storage.Corrupt' });
    const inOrder = { ...tree, contents: new Map([[entry.digest, pieces.toReversed()]]) };
    expect(readFileSync(join(await host.restore(inOrder, 'again'), 'a'), 'utf8')).toBe('abcd');
  });

  it('a blob that is gone: Storage.Missing', async () => {
    using host = aHostTree();
    const tree = await aTree(host, { a: 'text' });
    host.objects.objects.clear();
    await expect(host.restore(tree)).rejects.toMatchObject({ type: 'Storage.Missing' });
  });

  it('a name that is another one on this file system: Sandbox.SnapshotUnsafe, the first file stays as it is', async () => {
    using host = aHostTree();
    // Two equal names stand for two that differ in case only, where the file system takes these for one.
    const tree = await aTree(host, { a: 'first' });
    const second = file('a', 'second');
    const blob = await host.trees.putBlob('default', Buffer.from('second'));
    const both = {
      ...tree,
      entries: [...tree.entries, second],
      contents: new Map([...tree.contents, [second.digest, [{ blob, offset: 0, length: 6 }]]]),
    };
    await expect(host.restore(both)).rejects.toMatchObject({ type: 'Sandbox.SnapshotUnsafe' });
    expect(['first', 'second']).toContain(readFileSync(join(host.base, 'restored/a'), 'utf8'));
  });

  it('names that differ in case: two files where the file system tells them apart', async () => {
    using host = aHostTree();
    const restored = await host.restore(await aTree(host, { Makefile: 'one', makefile: 'two' }));
    expect(readdirSync(restored).toSorted()).toEqual(['Makefile', 'makefile']);
  });

  it('links last: none is there while files are made', async () => {
    using host = aHostTree();
    fill(host.root);
    chmodSync(join(host.root, 'src/deep'), 0o755);
    const captured = await host.capture();
    const restored = await host.restore(captured);
    expect(readlinkSync(join(restored, 'src/dangling'))).toBe('nowhere');
    const links = captured.entries.filter(({ kind }) => kind === 'link');
    expect(links).toHaveLength(3);
  });
});
