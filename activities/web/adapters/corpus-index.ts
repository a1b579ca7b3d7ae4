import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

import { toIndexedText } from './corpus-terms.ts';

/** A page of the corpus. */
export interface CorpusPage {
  readonly title: string;
  readonly text: string;
  readonly url: string;
}

const schemaVersion = '1';

const schema = `
  DROP TABLE IF EXISTS page_text;
  DROP TABLE IF EXISTS page;
  DROP TABLE IF EXISTS corpus;
  CREATE TABLE page (id INTEGER PRIMARY KEY, url TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL);
  CREATE VIRTUAL TABLE page_text USING fts5(title, text, content='', tokenize='porter unicode61 remove_diacritics 2');
  CREATE TABLE corpus (digest TEXT NOT NULL);
`;

/**
 * Opens the index of `pages`: in memory, or in a file that is kept and used again for as long as the pages stay the same. Built in one
 * transaction, so that a crash leaves the old index or none.
 */
export function openCorpusIndex(pages: readonly CorpusPage[], databaseFile?: string): DatabaseSync {
  // Loaded here, not at the top: importing this module must cost a worker without a corpus nothing.
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite');
  const database = new Database(databaseFile ?? ':memory:', { timeout: 60_000 });
  const digest = databaseFile === undefined ? '' : toDigest(pages);
  if (databaseFile !== undefined && readDigest(database) === digest) return database;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have built it while this one waited for the lock.
    if (databaseFile === undefined || readDigest(database) !== digest) build(database, { pages, digest });
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    database.close();
    throw error;
  }
  return database;
}

function build(
  database: DatabaseSync,
  corpus: { readonly pages: readonly CorpusPage[]; readonly digest: string },
): void {
  database.exec(schema);
  const insertPage = database.prepare('INSERT INTO page (id, url, title, text) VALUES (?, ?, ?, ?)');
  const insertText = database.prepare('INSERT INTO page_text (rowid, title, text) VALUES (?, ?, ?)');
  // Numbered in the order of their URLs, so that equal ranks fall in that order without looking the URLs up.
  toUnique(corpus.pages).forEach((page, index) => {
    insertPage.run(index + 1, page.url, page.title, page.text);
    insertText.run(index + 1, toIndexedText(page.title), toIndexedText(page.text));
  });
  database.prepare('INSERT INTO corpus (digest) VALUES (?)').run(corpus.digest);
}

/** One page a URL, the first given; by URL in code unit order. */
function toUnique(pages: readonly CorpusPage[]): CorpusPage[] {
  const byUrl = new Map<string, CorpusPage>();
  for (const page of pages) if (!byUrl.has(page.url)) byUrl.set(page.url, page);
  return [...byUrl.values()].toSorted((left, right) => (left.url < right.url ? -1 : 1));
}

function readDigest(database: DatabaseSync): string | null {
  const table = database.prepare("SELECT name FROM sqlite_master WHERE name = 'corpus'").get();
  if (table === undefined) return null;
  const row = database.prepare('SELECT digest FROM corpus').get();
  return typeof row?.['digest'] === 'string' ? row['digest'] : null;
}

function toDigest(pages: readonly CorpusPage[]): string {
  const hash = createHash('sha256').update(schemaVersion);
  for (const page of pages) hash.update(JSON.stringify([page.url, page.title, page.text]));
  return hash.digest('hex');
}
