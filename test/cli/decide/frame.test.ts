import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runCommandLine } from '../../../cli/main.ts';
import { root } from '../../support/repository.ts';
import { ask, feed } from './ask.ts';

const idSchema = z.object({ id: z.string() });

const parse = { profile: 'v1.0', function: 'parse' };
const bytes = (text: string) => [Buffer.from(text)];

async function run(args: readonly string[], input: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'cli/main.ts'), ...args], { stdio: 'pipe' });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString('utf8')));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, out: out.join(''), err: err.join('') };
}

describe('decide, the frame', () => {
  it('a line: one line with the same id', async () => {
    expect(await feed(parse, bytes('{"id":"a","input":{"text":"hi"}}\n'))).toEqual([
      '{"id":"a","output":{"calls":[],"shownText":"hi"}}',
    ]);
  });

  it('bytes in any pieces, characters and lines cut: the same answers', async () => {
    const input = Buffer.from('{"id":"a","input":{"text":"é𠮷"}}\n\n{"id":"b","input":{"text":"\u2028"}}');
    const whole = await feed(parse, [input]);
    expect(
      await feed(
        parse,
        Array.from(input, (byte) => Buffer.from([byte])),
      ),
    ).toEqual(whole);
    expect(whole).toHaveLength(2);
    expect(whole[0]).toContain('"shownText":"é𠮷"');
  });

  it('half a surrogate pair: comes and goes as an escape', async () => {
    expect(await feed(parse, bytes('{"id":"a","input":{"text":"x\\ud800y"}}\n'))).toEqual([
      '{"id":"a","output":{"calls":[],"shownText":"x\\ud800y"}}',
    ]);
  });

  it('integers beyond 2^53: keep their digits', async () => {
    const [line] = await feed(
      { profile: 'v1.7', function: 'fix-arguments' },
      bytes('{"id":"a","input":{"tool":"t","arguments":{"n":12345678901234567890123}}}\n'),
    );
    expect(line).toBe('{"id":"a","output":{"arguments":{"n":12345678901234567890123}}}');
  });

  it.each([
    ['no JSON', 'x', null, 'Input.BadJson'],
    ['no id', '{"input":{"text":"a"}}', null, 'Input.Invalid'],
    ['no input', '{"id":"a"}', 'a', 'Input.Invalid'],
    ['an input of another function', '{"id":"a","input":{"url":"a"}}', 'a', 'Input.Invalid'],
    ['a list', '[1]', null, 'Input.Invalid'],
  ])('%s: an error, and the other lines are answered', async (...[, line, id, type]) => {
    const printed = await feed(parse, bytes(`${line}\n{"id":"z","input":{"text":""}}\n`));
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({ id, error: { type } });
    expect(printed[1]).toContain('"id":"z","output"');
  });

  it.each([
    [['--profile', 'v9', '--function', 'parse'], /v9.*Known: v1\.0, v1\.5, v1\.7/],
    [['--profile', 'v1.0', '--function', 'guess'], /guess.*Known: parse, repair/],
    [['--profile', 'v1.0', '--function', 'no-call'], /no-call exists for profile v1\.7 only/],
    [['--profile', 'v1.0'], /--function/],
  ])('%j: refused with exit status 2', async (args, message) => {
    const told: string[] = [];
    const terminal = {
      env: {},
      print: () => {},
      tell: (line: string) => void told.push(line),
      onInterrupt: () => () => {},
    };
    expect(await runCommandLine(['decide', ...args], terminal)).toBe(2);
    expect(told.join('\n')).toMatch(message);
  });

  it('the main help: does not name it', async () => {
    const printed: string[] = [];
    const terminal = {
      env: {},
      print: (line: string) => void printed.push(line),
      tell: () => {},
      onInterrupt: () => () => {},
    };
    await runCommandLine(['--help'], terminal);
    expect(printed.join('\n')).toContain('research');
    expect(printed.join('\n')).not.toMatch(/^\s*decide\b/m);
  });

  it('as a process: answers on standard output alone, exit status 0', async () => {
    const ran = await run(
      ['decide', '--profile', 'v1.7', '--function', 'boxed'],
      '{"id":"1","input":{"text":"\\\\boxed{4}"}}\n',
    );
    expect(ran).toEqual({ code: 0, out: '{"id":"1","output":{"boxed":"4"}}\n', err: '' });
  });

  it('megabytes of answers to a slow reader: all of them arrive', async () => {
    const text = 'x'.repeat(1_000);
    const cases = Array.from({ length: 4_000 }, (_, id) => JSON.stringify({ id: String(id), input: { text } }));
    const ran = await run(['decide', '--profile', 'v1.7', '--function', 'parse'], cases.join('\n'));
    const ids = ran.out
      .split('\n')
      .slice(0, -1)
      .map((line) => idSchema.parse(JSON.parse(line)).id);
    expect(ids).toEqual(Array.from({ length: 4_000 }, (_, id) => String(id)));
  });

  it('v1.5: decides as v1.7', async () => {
    const input = { text: '\\boxed{?}' };
    const [later] = await ask({ profile: 'v1.7', function: 'boxed' }, [input]);
    expect(await ask({ profile: 'v1.5', function: 'boxed' }, [input])).toEqual([later]);
    expect(await ask({ profile: 'v1.0', function: 'boxed' }, [input])).not.toEqual([later]);
  });
});
