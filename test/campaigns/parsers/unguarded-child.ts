/**
 * Reads one document as nobody should: in this process, without limits. What a campaign's hostile documents do here they would do to
 * a worker. Prints how long the event loop stood still.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readDocument } from '../../../activities/web/reading/read-document.ts';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
await new Promise((resolve) => {
  setImmediate(resolve);
});
const bytes = readFileSync(process.argv[2] ?? '');
await readDocument({ bytes, contentType: 'text/html', url: 'https://example.com/' }).catch(() => {});
await new Promise((resolve) => {
  setImmediate(resolve);
});
process.stdout.write(`${Math.round(delay.max / 1_000_000)}\n`);
