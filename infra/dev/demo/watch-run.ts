import type { ApiClient } from '../../../cli/api-client.ts';
import { followEvents } from '../../../cli/event-stream.ts';
import { stepHeader, toStepLine } from '../../../cli/run-lines.ts';
import { readNote } from '../../../cli/step-note.ts';

/** Prints the run live from the API's event stream, to its end or until nobody listens. */
export async function watchDemoRun(options: {
  readonly client: ApiClient;
  readonly id: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { client, id, signal, say } = options;
  say(stepHeader);
  const open = (after: number | null, inner: AbortSignal) => client.openEvents(id, after, inner);
  for await (const event of followEvents({ open, after: null, signal })) {
    const line = toStepLine(event, await readNote(client, id, event));
    if (line !== null) say(line);
  }
}
