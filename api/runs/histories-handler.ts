import type { RunRef } from '../../domain/ids.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { ApiPorts } from '../ports.ts';

/** The engine's histories of a run as JSON lines, one an execution, in order: what a replay takes. */
export async function answerHistories(ports: ApiPorts, run: RunRef): Promise<Response> {
  const lines = readLines(ports, run);
  // The first line decides between an answer and a problem.
  const first = await lines.next();
  if (first.done === true) {
    throw new AppError('Input.NotFound', {
      what: 'neither the archive nor the engine has a history of this run',
      mend: 'Its records stand: GET …/trajectory.',
    });
  }
  const encoder = new TextEncoder();
  let next: IteratorResult<string, void> | null = first;
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const line = next ?? (await lines.next());
      next = null;
      if (line.done === true) controller.close();
      else controller.enqueue(encoder.encode(line.value));
    },
    cancel: async () => {
      await lines.return();
    },
  });
  return new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } });
}

async function* readLines({ archive, engine, log }: ApiPorts, run: RunRef): AsyncGenerator<string, void, undefined> {
  let n = 0;
  try {
    for await (const json of archive.read(run)) yield toLine(n++, json, true);
    if (n > 0) return;
    for await (const json of engine.readHistories(run)) yield toLine(n++, json, false);
  } catch (error) {
    const failure = toAppError(error);
    if (n === 0) throw failure;
    log.error({ runId: run.runId, type: failure.type, failure: failure.message }, 'a history could not be read');
    yield `${JSON.stringify({ type: 'error', detail: failure.message })}\n`;
  }
}

function toLine(n: number, json: string, isArchived: boolean): string {
  return `{"type":"history","n":${n},"archived":${isArchived},"history":${json}}\n`;
}
