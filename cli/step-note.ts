import type { ApiClient } from './api-client.ts';
import type { EventMessage } from './api-schemas.ts';

/** What an event does not say of a tool's step: events hold no texts, records do. */
export interface StepNote {
  /** The page that was read. */
  readonly source: { readonly url: string; readonly title: string | null } | null;
  /** The arguments that the model gave, in short; empty when there are none. */
  readonly asked: string;
}

/** The note of a tool's step that is done; null for other events, and when the record is not at hand: it is a nicety. */
export async function readNote(client: ApiClient, id: string, event: EventMessage): Promise<StepNote | null> {
  const { seq, kind } = event.data;
  if (event.type !== 'step.completed' || kind === 'model' || typeof seq !== 'number') return null;
  try {
    const { source, request } = await client.readStep(id, seq);
    return { source, asked: toAsked(request?.arguments) };
  } catch {
    return null;
  }
}

/** The words and numbers among the arguments. */
function toAsked(args: unknown): string {
  if (typeof args !== 'object' || args === null) return '';
  return Object.values(args)
    .filter((value) => typeof value === 'string' || typeof value === 'number')
    .join(', ');
}
