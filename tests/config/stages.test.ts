import { expect, test } from 'vitest';
import { runConfigSchema } from '../../src/config/schema.js';
import { stageConfig } from '../../src/config/stages.js';

test('a stage draws by the preset of its own sampler', () => {
  const sampler = { kind: 'simans', preset: 'ms-pas', compat: 'simxns' };
  const config = runConfigSchema.parse({ name: 'x', recipe: { kind: 'ance', warmup: { sampler } } });
  const { warmup } = config.recipe as { warmup: Parameters<typeof stageConfig>[2] };
  expect(stageConfig(config, 'warmup', warmup)).toMatchObject({
    config: { sampler: { a: 3, kernel: 'absolute', pool: 200, negatives: 15 } },
  });
});
