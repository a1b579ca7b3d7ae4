import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import { demoCorpusFolder } from './demo-question.ts';
import { startCorpusServer } from './server.ts';

const argumentsSchema = z.strictObject({
  corpus: z.string().default(demoCorpusFolder),
  port: z.coerce.number().int().min(0).max(65_535).default(0),
});

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { corpus: { type: 'string' }, port: { type: 'string' } } });
  const parsed = argumentsSchema.safeParse(values);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `--${issue.path.join('.')}: ${issue.message}`);
    throw new AppError('Config.Invalid', { what: problems.join('; '), mend: 'Example: --corpus FOLDER --port 0' });
  }
  const { corpus, port } = parsed.data;
  const server = await startCorpusServer({ pagesFile: join(corpus, 'pages.jsonl'), port });
  process.stdout.write(`${JSON.stringify({ listening: server.host, pages: server.pages })}\n`);
  const stop = (): void => void server.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
});
