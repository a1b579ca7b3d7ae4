import { defineConfig } from 'vitest/config';

/** Files that use the real engine: one server a test run, and one file at a time, since two cores carry no more. */
const integration = 'test/**/*.integration.test.ts';

// Vitest reads its configuration from the default export, the only one of the project.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [integration],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: [integration],
          globalSetup: ['test/support/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
