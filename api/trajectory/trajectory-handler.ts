import { z } from 'zod';
import { toAppError } from '../../domain/errors.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { toProblem } from '../http/problem.ts';
import type { ApiPorts } from '../ports.ts';
import { exportTrajectory } from './export-trajectory.ts';

/** Query of the trajectory. */
export const trajectoryQuerySchema = z.strictObject({
  format: z.literal('jsonl').default('jsonl'),
  content: z.enum(['inline', 'ref']).default('inline'),
});

/** One request for a trajectory. */
export interface TrajectoryRequest {
  readonly manifest: RunManifest;
  readonly content: 'inline' | 'ref';
  readonly requestId: string;
  readonly instance: string;
}

/**
 * A trajectory as JSON lines, at the reader's pace.
 *
 * The status is sent with the first line; what is found damaged later ends the lines with one of type `error`.
 */
export function answerTrajectory(ports: ApiPorts, request: TrajectoryRequest): Response {
  const encoder = new TextEncoder();
  const lines = toLines(ports, request);
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => {
      await lines.return();
    },
  });
  return new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } });
}

async function* toLines(ports: ApiPorts, request: TrajectoryRequest): AsyncGenerator<string, void, undefined> {
  try {
    for await (const line of exportTrajectory(ports, request.manifest, request.content))
      yield `${JSON.stringify(line)}\n`;
  } catch (error) {
    const failure = toAppError(error);
    const { requestId, instance } = request;
    ports.log.error({ requestId, type: failure.type, failure: failure.message }, 'a trajectory could not be read');
    const { code, detail } = toProblem(failure, { instance, id: requestId });
    yield `${JSON.stringify({ type: 'error', code, detail })}\n`;
  }
}
