import type { ApiClient } from '../../../cli/api-client.ts';
import { followEvents } from '../../../cli/event-stream.ts';
import { stepHeader, type StepSource, toStepLine } from '../../../cli/run-lines.ts';
import type { EventMessage } from '../../../cli/api-schemas.ts';
import type { Records } from './records.ts';

/** Prints the run live from the API's event stream, to its end. */
export async function watchDemoRun(options: {
  readonly client: ApiClient;
  readonly id: string;
  readonly records: Records;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { client, id, records, say } = options;
  say(stepHeader);
  const open = (after: number | null, signal: AbortSignal) => client.openEvents(id, after, signal);
  for await (const event of followEvents({ open, after: null, signal: new AbortController().signal })) {
    const line = toStepLine(event, await readSource(records, event));
    if (line !== null) say(line);
  }
}

/** The page that a step read; the receipt in the event does not hold it, the record does. */
async function readSource(records: Records, event: EventMessage): Promise<StepSource | null> {
  const { seq, kind } = event.data;
  if (event.type !== 'step.completed' || kind === 'model' || typeof seq !== 'number') return null;
  return (await records.read(seq))?.tool?.source ?? null;
}
