import { z } from 'zod';
import type { ToolDefinition } from './tools.ts';

/** Arguments of the built-in tools, as the model must give them. Source: MiroThinker protocol §6. */
export const googleSearchSchema = z.object({
  q: z.string().trim().min(1).max(2_000),
  gl: z.string().max(16).optional(),
  hl: z.string().max(16).optional(),
  location: z.string().max(200).nullish(),
  num: z.int().min(1).max(100).nullish(),
  tbs: z.string().max(64).nullish(),
  page: z.int().min(1).max(100).nullish(),
  autocorrect: z.boolean().nullish(),
});

export const scrapeSchema = z.object({
  url: z.string().trim().min(1).max(2_048),
  info_to_extract: z.string().max(8_000),
  custom_headers: z.record(z.string(), z.string()).nullish(),
});

export const createSandboxSchema = z.object({
  /** Kept for the original's sake; a sandbox here lives as long as its run. */
  timeout: z.int().min(1).optional(),
});

export const runCommandSchema = z.object({ command: z.string().min(1).max(100_000), sandbox_id: z.string().max(200) });

export const runPythonSchema = z.object({
  code_block: z.string().min(1).max(1_000_000),
  sandbox_id: z.string().max(200),
});

function define(tool: Omit<ToolDefinition, 'inputSchema'>, schema: z.ZodType): ToolDefinition {
  const { $schema: _dialect, ...inputSchema } = z.toJSONSchema(schema, { io: 'input' });
  return { ...tool, inputSchema };
}

/** The tools that every installation has. */
export function builtInTools(): ToolDefinition[] {
  return [
    define(
      {
        server: 'search_and_scrape_webpage',
        name: 'google_search',
        description:
          'Search the web. Returns organic results with title, link and snippet. gl is a country code, hl a language code, tbs a time filter such as qdr:w.',
        effect: 'read',
        pool: 'web',
      },
      googleSearchSchema,
    ),
    define(
      {
        server: 'jina_scrape_llm_summary',
        name: 'scrape_and_extract_info',
        description: 'Fetch a web page and extract the information described in info_to_extract from its text.',
        effect: 'read',
        pool: 'web',
      },
      scrapeSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'create_sandbox',
        description: 'Create an isolated Linux sandbox without network and return its sandbox_id.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      createSandboxSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'run_command',
        description: 'Run a shell command in a sandbox. Files under /home/user stay; processes end with the command.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      runCommandSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'run_python_code',
        description: 'Run a block of Python 3 in a sandbox and return what it printed.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      runPythonSchema,
    ),
  ];
}
