import type { BlobStore } from '../../activities/storage/blob-store.ts';
import type { RecordedStep } from '../../activities/storage/trajectory-store.ts';

/** A content of a step: what it is, and what it says. */
export interface ShownContent {
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  /** Present when the contents were asked for and are text. */
  readonly text?: string;
  /** Present instead of `text` for bytes that are no UTF-8. */
  readonly base64?: string;
}

/** The contents of a step, each checked against its digest. @throws AppError `Storage.Missing`, `Storage.Corrupt` */
export async function readContents(blobs: BlobStore, tenant: string, step: RecordedStep): Promise<ShownContent[]> {
  const shown: ShownContent[] = [];
  for (const ref of step.record.contents) {
    const text = step.inline[ref.name];
    shown.push({ ...ref, ...(text === undefined ? show(await blobs.get(tenant, ref.digest)) : { text }) });
  }
  return shown;
}

function show(bytes: Buffer): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: bytes.toString('base64') };
  }
}
