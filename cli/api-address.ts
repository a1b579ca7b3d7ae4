import { AppError } from '../domain/errors.ts';
import { readDevState } from './dev-state.ts';

/** Where the API is when nobody says. */
const defaultUrl = 'http://127.0.0.1:8700';

/**
 * Where the API is: the option, `LONGHAUL_API_URL`, the running development stack, the default.
 *
 * @throws AppError `Config.Invalid` when what was given is no http URL
 */
export function findApi(option: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  if (option !== undefined) return requireUrl(option, '--api');
  const named = env['LONGHAUL_API_URL'];
  if (named !== undefined && named !== '') return requireUrl(named, 'LONGHAUL_API_URL');
  return readDevState(env['LONGHAUL_DATA_DIR'] ?? '.longhaul')?.api ?? defaultUrl;
}

function requireUrl(text: string, field: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url.href.replace(/\/$/, '');
  throw new AppError('Config.Invalid', {
    what: `${field} is not an http URL`,
    mend: `Give one such as ${defaultUrl}.`,
    field,
  });
}
