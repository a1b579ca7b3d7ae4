import { AppError } from '../../../domain/errors.ts';
import { downloadFromInternetSchema, downloadToLocalSchema, uploadFileSchema } from '../../../domain/tool-catalog.ts';
import { parseArguments } from '../../steps/tool-arguments.ts';
import type { ToolContext, ToolHandler, ToolResult } from '../../steps/tool-step.ts';
import type { PutRequest } from '../ports.ts';
import { type StoredFile, toAttachment } from '../tree/stored-file.ts';
import { findInTree } from '../tree/tree-file.ts';
import type { FileEntry } from '../tree/tree.ts';
import { type KnownSandbox, requireSandbox, runIn, type SandboxToolParts, toSandboxFacts } from './sandbox-of.ts';

/** Time for copying a file into a workspace. */
const putTimeoutMs = 60_000;

/** The tools that bring files into a sandbox and take them out. */
export function createFileTools(parts: SandboxToolParts): Readonly<Record<string, ToolHandler>> {
  return {
    upload_file_from_local_to_sandbox: async (args, context) => {
      const asked = parseArguments('upload_file_from_local_to_sandbox', uploadFileSchema, args);
      const known = await requireSandbox(parts, context, asked.sandbox_id);
      const file = pickTaskFile(await parts.incoming.taskFiles(context), asked.local_file_path);
      const request = { path: asked.sandbox_file_path, name: file.name, isFolder: true };
      return put(parts, context, { known, file, request, said: 'File uploaded to' });
    },
    download_file_from_internet_to_sandbox: async (args, context) => {
      const asked = parseArguments('download_file_from_internet_to_sandbox', downloadFromInternetSchema, args);
      const known = await requireSandbox(parts, context, asked.sandbox_id);
      const file = await parts.incoming.fetched(context);
      if (file === null) {
        throw new AppError('Tool.Refused', {
          what: 'files from the internet cannot be brought into a sandbox here: nothing was fetched for this call',
        });
      }
      const request = toDownloadPlace(asked.sandbox_file_path, asked.url);
      return put(parts, context, { known, file, request, said: 'File downloaded to' });
    },
    download_file_from_sandbox_to_local: async (args, context) => {
      const asked = parseArguments('download_file_from_sandbox_to_local', downloadToLocalSchema, args);
      const known = await requireSandbox(parts, context, asked.sandbox_id);
      const path = asked.sandbox_file_path;
      const file = await findFile(parts, known, path);
      const name = toArtifactName(known.ref.sandboxId, asked.local_filename ?? path);
      const { sizeBytes, digest } = file;
      const place = { seq: context.seq, name, sandboxId: known.ref.sandboxId, path };
      const treeDigest = known.before ?? '';
      await parts.artifacts.put(context, { schemaVersion: 1, ...place, treeDigest, digest, sizeBytes });
      return { text: `File downloaded to artifacts/${name}`, sandbox: toSandboxFacts(known, known.before) };
    },
  };
}

/** Only a file of the task, by its name or by the path that the task shows; nothing else of the host can be named. */
function pickTaskFile(files: readonly StoredFile[], path: string): StoredFile {
  const found = files.find(({ name }) => name === path) ?? files.find(({ name }) => path.endsWith(`/${name}`));
  if (found !== undefined) return found;
  const names = files.map(({ name }) => JSON.stringify(name)).join(', ');
  throw new AppError('Tool.BadArguments', {
    field: 'local_file_path',
    what: `the task has no file ${JSON.stringify(path.slice(0, 200))}`,
    mend: files.length === 0 ? 'No file is attached to it.' : `Attached are ${names}.`,
  });
}

/** *Source:* MiroThinker: a path that ends in a slash or has no extension is a folder; the name is the last part of the URL's path. */
function toDownloadPlace(path: string, url: string): PutRequest {
  const last = path.split('/').at(-1) ?? '';
  const isFolder = last === '' || !/[^.]\.[^.]/.test(last);
  return { path, isFolder, name: nameFromUrl(url) };
}

function nameFromUrl(url: string): string {
  const last = URL.parse(url)?.pathname.split('/').at(-1) ?? '';
  const name = decodeQuietly(last).replaceAll(/[/\0]/g, '_');
  return name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > 255 ? 'downloaded_file' : name;
}

function decodeQuietly(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface Put {
  readonly known: KnownSandbox;
  readonly file: StoredFile;
  readonly request: PutRequest;
  readonly said: string;
}

async function put(parts: SandboxToolParts, context: ToolContext, asked: Put): Promise<ToolResult> {
  const { known, file, request, said } = asked;
  if (file.sizeBytes > parts.bounds.bytes) {
    throw new AppError('Tool.Failed', { what: `${file.name} is larger than a sandbox (${parts.bounds.bytes} bytes)` });
  }
  const attachment = toAttachment(parts.trees, context.tenant, file);
  const job = { kind: 'put', source: JSON.stringify(request), attachment, timeoutMs: putTimeoutMs } as const;
  const result = await runIn(parts, context, { ...known, ...job });
  // What was half done before it failed is rolled back: the record names no files after it.
  if (result.exitCode !== 0 || result.isRolledBack) {
    throw new AppError('Tool.Failed', { what: result.stderr.trim().slice(0, 500) || 'the file could not be written' });
  }
  return { text: `${said} ${result.stdout.trim()}`, sandbox: toSandboxFacts(known, result.treeDigest) };
}

async function findFile(
  { trees, bounds }: SandboxToolParts,
  { ref, before }: KnownSandbox,
  path: string,
): Promise<FileEntry> {
  const entries = before === null ? [] : (await trees.get(ref.tenant, before, bounds)).entries;
  const found = findInTree(entries, path);
  if (found.kind === 'file') return found.file;
  const reasons = {
    directory: 'is a folder; take files out one by one, or as an archive',
    nothing: 'is not there',
    outside: 'is not under /home/user, whose files alone are kept from call to call',
  } as const;
  throw new AppError('Tool.Failed', { what: `${path.slice(0, 500)} ${reasons[found.kind]}` });
}

/** *Source:* MiroThinker's name for a file that came out of a sandbox. Never a path, and safe to show. */
function toArtifactName(sandboxId: string, wanted: string): string {
  const last = wanted.split('/').findLast((part) => part !== '') ?? '';
  const safe = last.replaceAll(/[^\p{L}\p{M}\p{N} ._()+-]/gu, '_').slice(0, 150);
  return `sandbox_${sandboxId}_${safe === '' || safe === '.' || safe === '..' ? 'file' : safe}`;
}
