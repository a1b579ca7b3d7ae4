import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { withProgress } from './progress.ts';
import { runCommand } from './run-command.ts';
import type { ToolDownload } from './tool.ts';

/** What the download site says about a version. *Source:* the ephemeral server of Temporal's Rust core. */
const downloadInfoSchema = z.looseObject({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

export interface TemporalDownloadOptions extends ToolDownload {
  /** Version of the CLI, such as `v1.8.2`. */
  readonly version: string;
  /** Where the site is. */
  readonly baseUrl: string;
  /** Given up after this many milliseconds without an answer, or without another byte of one. */
  readonly answerMs: number;
}

/**
 * Fetches the Temporal CLI from where the SDK's own test server fetches it.
 *
 * *Contract:* throws an Error whose message is the reason.
 */
export async function downloadTemporal(options: TemporalDownloadOptions): Promise<void> {
  const url = toInfoUrl(options);
  options.report(
    `asking ${url.host} for the Temporal server: ${options.answerMs / 1_000} s without an answer, then something else`,
  );
  const info = await fetchInfo(url, options.answerMs);
  const archive = join(dirname(options.target), 'archive.tar.gz');
  const title = `fetching the Temporal server from ${new URL(info.archiveUrl).host}`;
  await withProgress({ title, expectedMs: 30_000, report: options.report }, async (progress) => {
    let bytes = 0;
    await fetchToFile({ url: info.archiveUrl, file: archive, answerMs: options.answerMs }, (length) => {
      bytes += length;
      progress.at(`${(bytes / 1e6).toFixed(0)} MB`);
    });
  });
  await extract(archive, info.fileToExtract, options);
}

function toInfoUrl({ baseUrl, version }: TemporalDownloadOptions): URL {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  const platform = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  if (arch === undefined || platform === undefined) {
    throw new Error(`there is no download for ${process.platform} on ${process.arch}`);
  }
  const url = new URL(`/cli/${version}`, baseUrl);
  url.search = new URLSearchParams({ arch, platform, format: 'tar.gz' }).toString();
  return url;
}

async function fetchInfo(url: URL, answerMs: number): Promise<z.infer<typeof downloadInfoSchema>> {
  const response = await fetchOk(url.href, AbortSignal.timeout(answerMs));
  const parsed = downloadInfoSchema.safeParse(await response.json());
  if (!parsed.success) throw new Error(`${url.host} answered with something else than a download`);
  return parsed.data;
}

async function fetchToFile(
  { url, file, answerMs }: { readonly url: string; readonly file: string; readonly answerMs: number },
  onBytes: (length: number) => void,
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new DOMException('silent', 'TimeoutError')), answerMs);
  try {
    const { body } = await fetchOk(url, silence.signal);
    if (body === null) throw new Error(`${url} answered with nothing`);
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        timer.refresh();
        onBytes(chunk.length);
        yield chunk;
      }
    };
    await pipeline(watched, createWriteStream(file), { signal: silence.signal });
  } catch (error) {
    throw silence.signal.aborted ? new Error(`${url} was silent for ${answerMs} ms`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}

async function fetchOk(url: string, signal: AbortSignal): Promise<Response> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw new Error(`${host} did not answer in time`, { cause: error });
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw new Error(`${host} cannot be reached${cause}`, { cause: error });
  }
  if (!response.ok) throw new Error(`${host} answered with status ${response.status}`);
  return response;
}

async function extract(archive: string, member: string, { target, env }: TemporalDownloadOptions): Promise<void> {
  if (isAbsolute(member) || member.split('/').includes('..'))
    throw new Error(`the archive's file has an unsafe name: ${member}`);
  const folder = dirname(target);
  const result = await runCommand({ command: 'tar', args: ['-xzf', archive, '-C', folder, '--', member], env });
  if (!result.ok) throw new Error(`tar could not unpack the download (${result.reason}): ${result.output}`);
  await rm(archive);
  if (join(folder, member) !== target) await rename(join(folder, member), target);
}
