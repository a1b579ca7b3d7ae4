import { AppError } from '../domain/errors.ts';
import { runIdSchema } from '../domain/ids.ts';

/** A run as a person names it, with or without the door's prefix. @throws AppError `Input.Invalid` */
export function parseRunId(text: string): string {
  const id = text
    .trim()
    .replace(/^(rsch|resp)_/i, '')
    .toUpperCase();
  if (runIdSchema.safeParse(id).success) return `rsch_${id}`;
  throw new AppError('Input.Invalid', {
    what: `${JSON.stringify(text.slice(0, 80))} is no run id: rsch_ and 26 characters, as research and list print it`,
    mend: 'longhaul list shows the runs.',
    field: 'run',
  });
}
