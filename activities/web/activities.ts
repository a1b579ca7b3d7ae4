import type { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { googleSearchSchema, scrapeSchema } from '../../domain/tool-catalog.ts';
import type { ToolHandler } from '../steps/tool-step.ts';
import { parseArguments } from '../steps/tool-arguments.ts';
import { sortPageHeaders } from './page-headers.ts';
import { toPageText } from './page-text.ts';
import type { PagePort, ReaderPort, SearchPort, SearchRequest, SearchResult } from './ports.ts';
import { cutPage } from './reader-prompt.ts';

/** Ports of the web pool's tools. */
export interface WebToolPorts {
  readonly search: SearchPort;
  readonly pages: PagePort;
  /** The reader that serves a model by its name. */
  readonly readerFor: (model: string) => ReaderPort;
}

/** The tools of the web pool. */
export function createWebTools(ports: WebToolPorts): Readonly<Record<string, ToolHandler>> {
  return { google_search: createSearchTool(ports), scrape_and_extract_info: createScrapeTool(ports) };
}

function createSearchTool({ search }: WebToolPorts): ToolHandler {
  return async (args, context) => {
    const request = toSearchRequest(parseArguments('google_search', googleSearchSchema, args));
    const first = await search.search(request, context);
    const result = await searchUnquoted(search, { request, first }, context);
    // One line of JSON, as the later versions of the original return it.
    return { text: JSON.stringify({ organic: result.organic, searchParameters: result.searchParameters }) };
  };
}

/** A search that finds nothing is tried once more without its quotes. Source: MiroThinker protocol §6.1. */
async function searchUnquoted(
  search: SearchPort,
  done: { readonly request: SearchRequest; readonly first: SearchResult },
  context: { readonly signal: AbortSignal; readonly stepKey: string },
): Promise<SearchResult> {
  const q = done.request.q.replaceAll('"', '').trim();
  if (done.first.organic.length > 0 || q === done.request.q || q === '') return done.first;
  return search.search({ ...done.request, q }, context);
}

function toSearchRequest(args: z.infer<typeof googleSearchSchema>): SearchRequest {
  return {
    q: args.q,
    gl: args.gl ?? 'us',
    hl: args.hl ?? 'en',
    location: args.location ?? undefined,
    num: args.num ?? 10,
    tbs: args.tbs ?? undefined,
    page: args.page ?? undefined,
    autocorrect: args.autocorrect ?? undefined,
  };
}

function createScrapeTool({ pages, readerFor }: WebToolPorts): ToolHandler {
  return async (args, context) => {
    const asked = parseArguments('scrape_and_extract_info', scrapeSchema, args);
    const headers = asked.custom_headers ?? {};
    const page = await pages.read({ url: asked.url, headers }, context);
    if (page.text.trim() === '') throw new AppError('Tool.Failed', { what: `${asked.url} has no readable text` });
    const { profile } = context.manifest;
    const text = toPageText(page);
    const shown = cutPage(text, profile.reader.maxPageChars);
    const request = { text: shown.text, wanted: asked.info_to_extract, maxTokens: profile.reader.maxTokens };
    const extraction = await readerFor(profile.reader.name).extract(request, context);
    const { dropped } = sortPageHeaders(headers);
    return {
      text: JSON.stringify({
        success: true,
        url: asked.url,
        extracted_info: extraction.text,
        error: '',
        scrape_stats: toStatistics(text, shown),
        model_used: extraction.model,
        tokens_used: extraction.usage.inputTokens + extraction.usage.outputTokens,
        ...(dropped.length === 0 ? {} : { headers_not_sent: dropped.slice(0, maxNamedHeaders) }),
      }),
      usage: extraction.usage,
      source: {
        url: page.finalUrl,
        title: page.title,
        via: page.via,
        status: page.status,
        fetchedAtMs: page.fetchedAtMs,
      },
      contents: { page: text, ...(page.raw === null ? {} : { raw: page.raw }) },
    };
  };
}

const maxNamedHeaders = 20;

/** *Source:* the fields that the original tells of a page; MiroThinker protocol §6.2. */
function toStatistics(
  text: string,
  shown: { readonly text: string; readonly isWhole: boolean },
): Record<string, unknown> {
  return {
    line_count: text.split('\n').length,
    char_count: text.length,
    last_char_line: shown.text.split('\n').length,
    all_content_displayed: shown.isWhole,
  };
}
