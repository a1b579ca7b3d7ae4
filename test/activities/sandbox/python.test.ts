import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SandboxResult } from '../../../activities/sandbox/ports.ts';
import { aSandbox, type SandboxFixture } from './sandbox-fixture.ts';

const reportSchema = z.strictObject({
  results: z.array(z.string()),
  error: z.strictObject({ name: z.string(), value: z.string(), traceback: z.string() }).nullable(),
});

const reportOf = ({ report }: SandboxResult) => reportSchema.parse(JSON.parse(report ?? 'null'));

/** Runs blocks one after the other; gives what each printed. */
async function printed(box: SandboxFixture, ...blocks: string[]): Promise<string[]> {
  const outputs: string[] = [];
  for (const block of blocks) outputs.push((await box.python(block)).stdout);
  return outputs;
}

describe('a block of Python', () => {
  it('its last expression: the result, and not printed', async () => {
    await using box = await aSandbox();
    const result = await box.python('print("a")\n1 + 1\n"x" * 3');
    expect(result).toMatchObject({ exitCode: 0, stdout: 'a\n', stderr: '' });
    expect(reportOf(result)).toEqual({ results: ["'xxx'"], error: null });
  });

  it.each([
    ['nothing', ''],
    ['None', 'print("x") or None'],
    ['an expression with a semicolon', '5;'],
    ['a statement', 'x = 5'],
  ])('that ends with %s: no result', async (_name, source) => {
    await using box = await aSandbox();
    expect(reportOf(await box.python(source))).toEqual({ results: [], error: null });
  });

  it('an error: its name, value and own frames with their lines', async () => {
    await using box = await aSandbox();
    const result = await box.python('print("before")\ndef half(x):\n    return x / 0\nhalf(1)');
    expect(result).toMatchObject({ exitCode: 1, stdout: 'before\n' });
    const { error } = reportOf(result);
    expect(error).toMatchObject({ name: 'ZeroDivisionError', value: 'division by zero' });
    expect(error?.traceback).toContain('line 3, in half\n    return x / 0');
    expect(error?.traceback).not.toContain('python-runner');
  });

  it('a syntax error, an exit, an interrupt: told as errors', async () => {
    await using box = await aSandbox();
    expect(reportOf(await box.python('x = (')).error?.name).toBe('SyntaxError');
    expect(reportOf(await box.python('import sys; sys.exit(3)')).error).toMatchObject({
      name: 'SystemExit',
      value: '3',
    });
    expect(reportOf(await box.python('import sys; sys.exit()')).error).toBeNull();
    expect(reportOf(await box.python('raise KeyboardInterrupt')).error?.name).toBe('KeyboardInterrupt');
  });

  it('an interpreter that is killed: no report, and the variables of before', async () => {
    await using box = await aSandbox();
    await box.python('x = 1');
    expect(await box.python('x = 2\nimport os; os.kill(os.getpid(), 9)')).toMatchObject({
      exitCode: 137,
      report: null,
    });
    expect(await printed(box, 'print(x)')).toEqual(['1\n']);
  });

  it('awaits, shell lines and magics of notebooks: understood', async () => {
    await using box = await aSandbox();
    const result = await box.python('%matplotlib inline\nimport asyncio\nawait asyncio.sleep(0, "later")');
    expect(reportOf(result)).toEqual({ results: ["'later'"], error: null });
    expect((await box.python('for name in ["a"]:\n    !echo shell\n')).stdout).toBe('shell\n');
  });

  it('a module that is not installed: named, with what there is', async () => {
    await using box = await aSandbox();
    const result = await box.python('import tensorflow_of_no_version');
    expect(reportOf(result).error?.name).toBe('ModuleNotFoundError');
    expect(result.stderr).toMatch(/^tensorflow_of_no_version is not installed here, .* no network\. Installed: /u);
  });

  it('a thread or a child that goes on: holds up nobody', async () => {
    await using box = await aSandbox();
    const source = 'import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nprint("done")';
    expect(await box.python(source, { timeoutMs: 30_000 })).toMatchObject({ stdout: 'done\n', timedOut: false });
    expect(await box.processes()).toEqual([]);
  });

  it('multiprocessing: its functions are found', async () => {
    await using box = await aSandbox();
    const source =
      'import multiprocessing as m\ndef f(x): return x * 2\nwith m.Pool(2) as pool: print(pool.map(f, [1, 2]))';
    expect(await printed(box, source)).toEqual(['[2, 4]\n']);
  });

  it('no variables: nothing is left in the workspace', async () => {
    await using box = await aSandbox();
    expect((await box.python('print(1)')).treeDigest).toBeNull();
  });
});

describe('variables between blocks', () => {
  it('values, functions, classes, instances, lambdas and imports: there again', async () => {
    await using box = await aSandbox();
    const outputs = await printed(
      box,
      [
        'import math as m',
        'from collections import Counter',
        'factor = 3',
        'def scale(x, by=factor):',
        '    "doc"',
        '    return x * by',
        'class Point:',
        '    def __init__(self, x): self.x = x',
        '    def scaled(self): return scale(self.x)',
        'point = Point(7)',
        'double = lambda x: x * 2',
        'import functools',
        '@functools.cache',
        'def cached(x): return x + 1',
        'counts = Counter("aab")',
        'shared = [1]; pair = (shared, shared)',
      ].join('\n'),
      'print(m.floor(2.5), factor, scale(2), point.scaled(), double(4), cached(1), counts["a"], isinstance(point, Point))',
      'shared.append(2); print(pair)',
      'del point',
      'print("point" in globals(), scale.__doc__)',
    );
    expect(outputs).toEqual(['', '2 3 6 21 8 2 2 True\n', '([1, 2], [1, 2])\n', '', 'False doc\n']);
  });

  it('what cannot be stored: named on stderr, the rest is kept', async () => {
    await using box = await aSandbox();
    const first = await box.python('file = open("f", "w")\ngenerator = (n for n in [1])\nkept = 5');
    expect(first.stderr).toMatch(/^not kept for the next call: file \(TextIOWrapper\), generator \(generator\)\n$/);
    expect(await printed(box, 'print(kept, "file" in globals())')).toEqual(['5 False\n']);
  });

  it('an error half way: what was set before it is kept', async () => {
    await using box = await aSandbox();
    await box.python('a = 1\nraise ValueError("x")\nb = 2');
    expect(await printed(box, 'print(a, "b" in globals())')).toEqual(['1 False\n']);
  });

  it('on another host: there as well', async () => {
    await using box = await aSandbox();
    const { treeDigest } = await box.python('import json\ndata = {"a": {1, 2}}\ndef f(): return data');
    await using other = await aSandbox({ objects: box.objects });
    expect((await other.python('print(f(), json.dumps([]))', { before: treeDigest })).stdout).toBe(
      "{'a': {1, 2}} []\n",
    );
  });

  it('the same block twice on the same files: the same files after it', async () => {
    await using box = await aSandbox();
    const source = 'words = {"one", "two", "three", "four"}\ntable = {word: len(word) for word in words}\nprint(words)';
    const first = await box.python(source, { before: null });
    expect(await box.python(source, { before: null })).toEqual(first);
  });

  it('a state that was damaged: said, and the block runs', async () => {
    await using box = await aSandbox();
    await box.python('x = 1');
    await box.run('echo junk > .longhaul/python-state');
    const result = await box.python('print("still")');
    expect(result).toMatchObject({ exitCode: 0, stdout: 'still\n' });
    expect(result.stderr).toContain('the variables of earlier calls are lost');
  });

  it('a state that would do harm on the host: is opened inside only', async () => {
    await using box = await aSandbox();
    const marker = `${box.directory}-opened`;
    const evil = `import os\nclass Evil:\n    def __reduce__(self): return (os.system, ("touch ${marker} /tmp/inside",))\nevil = Evil()`;
    await box.python(evil);
    await box.python('import os; print(os.path.exists("/tmp/inside"))');
    expect(existsSync(marker)).toBe(false);
  });

  it('traps in the place of the report: nothing of the host is read, nothing is waited for', async () => {
    await using box = await aSandbox();
    const traps = [
      'import os, shutil; shutil.rmtree(".longhaul"); os.symlink("/etc", ".longhaul"); os._exit(0)',
      'import os; os.rmdir(".longhaul"); open(".longhaul", "w").close(); os._exit(0)',
      'import os; os.makedirs(".longhaul", exist_ok=True); os.mkfifo(".longhaul/python-report"); os._exit(0)',
      'import os; os.makedirs(".longhaul", exist_ok=True); os.symlink("/etc/passwd", ".longhaul/python-report"); os._exit(0)',
      'import os; os.makedirs(".longhaul", exist_ok=True); open(".longhaul/python-report", "w").write("x" * 2000000); os._exit(0)',
    ];
    for (const trap of traps) {
      const result = await box.python(trap, { before: null });
      expect(result.report).toBeNull();
    }
  });
});
