import type { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { googleSearchSchema, scrapeSchema } from '../../domain/tool-catalog.ts';
import type { ToolHandler } from '../steps/tool-step.ts';
import { parseArguments } from '../steps/tool-arguments.ts';
import type { PagePort, ReaderPort, SearchPort, SearchRequest, SearchResult } from './ports.ts';

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
    const headers = asked.custom_headers ?? undefined;
    const page = await pages.read({ url: asked.url, ...(headers === undefined ? {} : { headers }) }, context);
    if (page.text.trim() === '') throw new AppError('Tool.Failed', { what: `${asked.url} has no readable text` });
    const { profile } = context.manifest;
    const shown = cutCodePoints(page.text, profile.reader.maxPageChars);
    const request = { text: shown.text, wanted: asked.info_to_extract, maxTokens: profile.reader.maxTokens };
    const extraction = await readerFor(profile.reader.name).extract(request, context);
    const lines = page.text.split('\n').length;
    return {
      text: JSON.stringify({
        success: true,
        url: asked.url,
        extracted_info: extraction.text,
        error: '',
        scrape_stats: {
          line_count: lines,
          char_count: page.text.length,
          all_content_displayed: !shown.cut,
        },
        model_used: extraction.model,
        tokens_used: extraction.usage.inputTokens + extraction.usage.outputTokens,
      }),
      usage: extraction.usage,
      source: { url: page.finalUrl, title: page.title },
      contents: { page: page.text, raw: page.raw },
    };
  };
}

function cutCodePoints(text: string, limit: number): { readonly text: string; readonly cut: boolean } {
  if (text.length <= limit) return { text, cut: false };
  const points = Array.from(text);
  return points.length <= limit ? { text, cut: false } : { text: points.slice(0, limit).join(''), cut: true };
}
