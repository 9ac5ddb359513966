import { defineConfig } from 'vitest/config';

/** The tests of minutes, one file after the other: they train, and would take the cores from each other. */
export default defineConfig({
  test: {
    include: ['tests/**/*.full.test.ts'],
    globalSetup: 'tests/freshBuild.ts',
    setupFiles: 'tests/seed.ts',
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
