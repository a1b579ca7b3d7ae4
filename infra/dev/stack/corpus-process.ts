import { join } from 'node:path';
import { AppError, toAppError } from '../../../domain/errors.ts';
import { startCorpusServer } from '../corpus/server.ts';
import { sendJson, startHttpServer } from '../http-server/http-server.ts';

/* The log has an address of its own: the agent may fetch the corpus, and must find nothing there but pages. */
async function main(): Promise<void> {
  const [folder, port] = process.argv.slice(2);
  if (folder === undefined) throw new AppError('Config.Invalid', { what: 'usage: corpus-process.ts FOLDER [PORT]' });
  const corpus = await startCorpusServer({ pagesFile: join(folder, 'pages.jsonl'), port: Number(port ?? 0) });
  const log = await startHttpServer({
    handle: async (_request, response) => sendJson(response, 200, corpus.requests()),
  });
  const logUrl = `http://${log.host}:${log.port}/log`;
  process.stdout.write(`${JSON.stringify({ listening: corpus.host, pages: corpus.pages, log: logUrl })}\n`);
  const stop = (): void => void Promise.all([corpus.close(), log.close()]).then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${toAppError(error).message}\n`);
  process.exit(2);
}
