/** `train.loss` of a job file: what the logits of a query's passages are trained towards. */
import { z } from 'zod';
import { defaultKind, key, share } from './keyTypes.js';

const temperature = () => key(z.number().gt(0).max(100), 1, '', 'What the logits of both are divided by before they become distributions.');

export const loss = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: defaultKind('softmax') }),
    z.strictObject({ kind: z.literal('bce') }),
    z.strictObject({ kind: z.literal('pairwise') }),
    z.strictObject({
      kind: z.literal('distillation'),
      temperature: temperature(),
      adversarial: key(share(), 0, 'share', 'Share of AR2’s adversarial term in the loss; the rest is the divergence from the ranker.'),
    }),
    z.strictObject({ kind: z.literal('marginMse') }),
  ])
  .prefault({})
  .meta({
    description:
      'softmax: contrastive; bce: of each passage’s share of the softmax; pairwise: logistic, positive against each negative; distillation: divergence from a ranker’s distribution over the query’s passages; marginMse: squared error of the differences between positive and negative to a ranker’s.',
  });
