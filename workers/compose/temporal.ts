import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { AppError } from '../../domain/errors.ts';

/** Where the engine is: address, namespace, TLS and API key, from `TEMPORAL_*` or `temporal.toml`. */
export type TemporalConfig = ReturnType<typeof loadClientConnectConfig>;

/** Reads the engine's own variables. @throws AppError `Config.Invalid` */
export function loadTemporalConfig(env: Readonly<Record<string, string | undefined>>): TemporalConfig {
  try {
    const overrideEnvVars: Record<string, string> = {};
    for (const [name, value] of Object.entries(env)) if (value !== undefined) overrideEnvVars[name] = value;
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (cause) {
    const what = `the TEMPORAL_* variables cannot be used (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new AppError('Config.Invalid', { what, mend: 'Set TEMPORAL_ADDRESS=host:port.', cause });
  }
}

/** A client for the engine; connects at the first call, so that a process can start before its engine. */
export function connectClient(config: TemporalConfig): Client {
  const connection = Connection.lazy(config.connectionOptions);
  return new Client({ connection, ...(config.namespace === undefined ? {} : { namespace: config.namespace }) });
}
