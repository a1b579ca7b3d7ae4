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

/** Path that the files of a sandbox are kept under, and where they go when no path is given. */
const sandboxHome = '/home/user';

export const uploadFileSchema = z.object({
  sandbox_id: z.string().max(200),
  local_file_path: z.string().min(1).max(4_096),
  sandbox_file_path: z.string().min(1).max(3_000).default(sandboxHome),
});

export const downloadFromInternetSchema = z.object({
  sandbox_id: z.string().max(200),
  url: z.string().trim().min(1).max(2_048),
  sandbox_file_path: z.string().min(1).max(3_000).default(sandboxHome),
});

export const downloadToLocalSchema = z.object({
  sandbox_id: z.string().max(200),
  sandbox_file_path: z.string().min(1).max(3_000),
  local_filename: z.string().max(255).nullish(),
});

function define(tool: Omit<ToolDefinition, 'inputSchema'>, schema: z.ZodType): ToolDefinition {
  const { $schema: _dialect, ...inputSchema } = z.toJSONSchema(schema, { io: 'input' });
  return { ...tool, inputSchema };
}

/** The tools that every installation has. */
export function builtInTools(): ToolDefinition[] {
  return [...webTools(), ...codeTools(), ...fileTools()];
}

function webTools(): ToolDefinition[] {
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
  ];
}

function codeTools(): ToolDefinition[] {
  return [
    define(
      {
        server: 'tool-python',
        name: 'create_sandbox',
        description:
          'Create an isolated Linux sandbox and return its sandbox_id, which the other tools of this server ask for. The sandbox has no network, so nothing can be installed; it has bash, the usual command line programs and Python 3, in most installations with numpy, pandas, scipy, sympy, matplotlib, scikit-learn, networkx, openpyxl, beautifulsoup4, lxml, requests, pillow and pypdf.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      createSandboxSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'run_command',
        description:
          'Run a shell command in a sandbox (bash, at most 60 seconds) and return its exit code, stdout and stderr. Files under /home/user stay for later calls; processes, and files elsewhere, end with the command. There is no network.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      runCommandSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'run_python_code',
        description:
          'Run a block of Python 3 in a sandbox (at most 300 seconds) and return what it printed, the value of its last expression, and its error if it had one. Variables, functions, classes and imports of earlier blocks in the same sandbox are there again, except what cannot be stored, such as open files. There is no network.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      runPythonSchema,
    ),
  ];
}

function fileTools(): ToolDefinition[] {
  return [
    define(
      {
        server: 'tool-python',
        name: 'upload_file_from_local_to_sandbox',
        description:
          'Copy a file that was attached to the task into a sandbox. sandbox_file_path is the folder that it is put into.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      uploadFileSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'download_file_from_internet_to_sandbox',
        description:
          'Download a file from the internet into a sandbox. A sandbox_file_path that ends in / or has no file extension is a folder.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      downloadFromInternetSchema,
    ),
    define(
      {
        server: 'tool-python',
        name: 'download_file_from_sandbox_to_local',
        description: 'Take a file out of a sandbox, for the user of the answer. Folders cannot be taken out.',
        effect: 'sandbox',
        pool: 'sandbox',
      },
      downloadToLocalSchema,
    ),
  ];
}
