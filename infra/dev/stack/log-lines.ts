import { z } from 'zod';
import { toSafeLine } from '../../../cli/safe-text.ts';

/** Takes one line for a person. */
export type Report = (line: string) => void;

const logLineSchema = z.looseObject({ level: z.number(), msg: z.string().default('') });
const hidden = new Set([
  'level',
  'time',
  'msg',
  'pid',
  'hostname',
  'v',
  'part',
  'process',
  'sdkComponent',
  'taskQueue',
]);
// oxlint-disable-next-line no-control-regex -- the colours that a part gives its own lines are what is looked for
const colours = /\u001b\[[0-9;]*m/g;
const WARNING = 40;
const FAILURE = 50;
const maxFactChars = 160;
const maxMessageChars = 600;

/** A line of a part's log as a person reads it: JSON becomes words, everything else stays, control characters are escaped. */
export function toReadableLine(line: string): string {
  const entry = parseEntry(line);
  if (entry === null) return toSafeLine(line.replace(colours, ''));
  const mark = entry.level >= FAILURE ? 'ERROR ' : entry.level >= WARNING ? 'warning: ' : '';
  const facts = Object.entries(entry)
    .filter(([name]) => !hidden.has(name))
    .map(([name, value]) => `${name}=${toFact(value)}`);
  return toSafeLine([`${mark}${entry.msg}`, ...facts].join(' ').trim());
}

function parseEntry(line: string): z.infer<typeof logLineSchema> | null {
  if (!line.startsWith('{')) return null;
  try {
    const parsed = logLineSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** An error is its message; its stack, and what else has many parts, is for a log file and not for a terminal. */
function toFact(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string') {
    return JSON.stringify(value.message.slice(0, maxMessageChars));
  }
  const text = typeof value === 'string' && /^[\w.:/,+-]+$/.test(value) ? value : JSON.stringify(value);
  return (text ?? '').length > maxFactChars ? `${text.slice(0, maxFactChars)}…` : (text ?? '');
}

/** Cuts a stream of text into lines; the last one is told when the stream ends. */
export function onLines(stream: NodeJS.ReadableStream, take: Report): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') take(line);
  });
  stream.on('end', () => {
    if (rest.trim() !== '') take(rest);
    rest = '';
  });
}
