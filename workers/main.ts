import { toAppError } from '../domain/errors.ts';
import { loadWorkerConfig } from './compose/config.ts';
import { createLogger } from './compose/logger.ts';
import { connectClient, loadTemporalConfig } from './compose/temporal.ts';
import { startHealthServer } from './health-server.ts';
import { startSupervisor } from './supervisor.ts';

const logger = createLogger({ part: `${process.env['LONGHAUL_POOLS'] ?? 'worker'} supervisor` });

async function main(): Promise<number> {
  const config = loadWorkerConfig(process.env);
  const client = connectClient(loadTemporalConfig(process.env));
  const supervisor = await startSupervisor({ config, client, logger, env: process.env });
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    pools: config.pools,
    state: supervisor.state,
  });
  logger.info({ health: `http://${config.healthHost}:${health.port}`, pools: config.pools }, 'supervisor started');
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    logger.info({ signal, drainMs: config.drainMs }, signals === 1 ? 'draining' : 'ending now');
    if (signals === 1) void supervisor.drain();
    else supervisor.kill();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const code = await supervisor.ended;
  health.server.close();
  health.server.closeAllConnections();
  return code;
}

try {
  process.exit(await main());
} catch (error) {
  const failure = toAppError(error);
  logger.error({ type: failure.type }, failure.message);
  process.exit(failure.type === 'Config.Invalid' ? 2 : 1);
}
