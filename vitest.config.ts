import { defineConfig } from 'vitest/config';

/** The quick suite: `npm test`. Tests of minutes are named *.full.test.ts and run with `npm run test:full`. */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/**/*.full.test.ts'],
    globalSetup: 'tests/freshBuild.ts',
    setupFiles: 'tests/seed.ts',
    maxWorkers: 2, // on two cores vitest takes one, but much of the suite waits for processes
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
