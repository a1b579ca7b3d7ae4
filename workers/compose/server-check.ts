import {
  checkModelServer,
  type ServerCheckOptions,
  type ServerFinding,
} from '../../activities/model/adapters/server-check.ts';

export type { ServerFinding };

/** Looks at a model server, for doors that choose no adapters themselves. */
export function checkServer(options: ServerCheckOptions): Promise<readonly ServerFinding[]> {
  return checkModelServer(options);
}
