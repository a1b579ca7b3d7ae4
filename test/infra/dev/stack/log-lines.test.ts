import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { onLines, toReadableLine } from '../../../../infra/dev/stack/log-lines.ts';

describe('toReadableLine', () => {
  it('a JSON line: the message and its facts, without what the prefix says', () => {
    const line = '{"level":30,"time":"2026-11-24T00:00:00Z","pid":1,"part":"model","workerPid":7,"msg":"worker ready"}';
    expect(toReadableLine(line)).toBe('worker ready workerPid=7');
  });

  it('an error: marked, with its message and without its stack', () => {
    const line = '{"level":50,"msg":"failed","err":{"message":"no room","stack":"Error: no room\\n at x"}}';
    expect(toReadableLine(line)).toBe('ERROR failed err="no room"');
  });

  it('another program: its colours are dropped, other control characters are escaped', () => {
    expect(toReadableLine('\u001b[33m WARN\u001b[0m odd \u001b[2J')).toBe(' WARN odd \\x1b[2J');
    expect(toReadableLine('{not json')).toBe('{not json');
  });
});

describe('onLines', () => {
  it('text in pieces: whole lines, the last one at the end', async () => {
    const lines: string[] = [];
    const stream = Readable.from(['a', 'b\nc', '\n\nd'], { objectMode: false });
    onLines(stream, (line) => void lines.push(line));
    await finished(stream);
    expect(lines).toEqual(['ab', 'c', 'd']);
  });
});
