/** Two replicas against one, on MiniLM's layers. */
import { bertShape } from '../../src/encoders/architectures.js';
import { testTwoReplicas } from '../train/twoReplicas.js';

testTwoReplicas(bertShape({ layers: 6, width: 384, heads: 12, feedForward: 1536, vocabulary: 30, positions: 24 }));
