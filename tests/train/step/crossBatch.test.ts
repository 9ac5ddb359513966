/** Two replicas against one, on a tiny encoder; tests/full has the same on MiniLM's layers. */
import { bertShape } from '../../../src/encoders/architectures.js';
import { tinyShape } from '../fixtures.js';
import { testTwoReplicas } from '../twoReplicas.js';

testTwoReplicas(bertShape({ ...tinyShape().transformer, positions: 24 }));
