import type { Random } from '../../support/random.ts';

/** What hostile documents would like to reach. */
export interface Bait {
  /** An address on which the campaign listens. */
  readonly url: string;
  /** A file with a secret in it. */
  readonly file: string;
}

/** A document that is made to break whoever reads it. */
export interface HostileDocument {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** Makes the documents of one family; the same seed makes the same ones. */
export type HostileFamily = (random: Random, bait: Bait) => readonly HostileDocument[];

/** `count` times `text`. */
export function many(text: string, count: number): string {
  return text.repeat(count);
}

export function toDocument(name: string, content: string | Uint8Array, contentType: string): HostileDocument {
  return { name, bytes: typeof content === 'string' ? Buffer.from(content) : content, contentType };
}
