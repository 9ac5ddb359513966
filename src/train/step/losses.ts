/**
 * What the logits of queries against passages are trained towards. Each loss is a mean over queries and has its slope, ∂loss/∂logit, in closed form, so
 * that no graph is kept. Notation: s logits, t a query's positive, p = softmax(s) over the passages that compete, D the ranker's logits.
 */
import { crossEntropy, tf } from '../../backend/index.js';
import type { RunConfig } from '../../config/schema.js';

export type LossConfig = RunConfig['train']['loss'];

/** Of Q queries against P passages. */
export interface Logits {
  /** s [Q, P]; where a passage does not compete so low that its p is 0. */
  readonly logits: tf.Tensor2D;
  /** 1 at each query's positive, [Q, P]. */
  readonly positive: tf.Tensor2D;
  /** 1 at each of a query's negatives, [Q, P]. */
  readonly negatives: tf.Tensor2D;
  /** D [Q, P]; read where a passage competes. */
  readonly ranker?: tf.Tensor2D | undefined;
}

export interface LossOfLogits {
  readonly loss: tf.Scalar;
  /** Of each query's own loss, Q times that of the mean: [Q, P]. */
  readonly slopes: tf.Tensor2D;
}

export function lossOfLogits(config: LossConfig, of: Logits): LossOfLogits {
  const { values, slopes } = perQuery(config, of);
  return { loss: tf.div(tf.sum(values), of.logits.shape[0]) as tf.Scalar, slopes: slopes as tf.Tensor2D };
}

/** Each query's loss, in any shape that sums to it, and its slopes [Q, P]. */
interface Terms {
  readonly values: tf.Tensor;
  readonly slopes: tf.Tensor;
}

function perQuery(config: LossConfig, of: Logits): Terms {
  switch (config.kind) {
    case 'softmax':
      return softmax(of);
    case 'bce':
      return bce(of);
    case 'pairwise':
      return pairwise(of);
    case 'marginMse':
      return marginMse(of);
    case 'distillation': {
      const { temperature, adversarial } = config;
      if (adversarial === 0) return distillation(of, temperature);
      const [learned, fooled] = [distillation(of, temperature), adversary(of)];
      const mixed = (a: tf.Tensor, b: tf.Tensor) => tf.add(tf.mul(tf.sum(a, 1, true), 1 - adversarial), tf.mul(b, adversarial));
      return {
        values: mixed(learned.values, tf.sum(fooled.values, 1, true)),
        slopes: tf.add(tf.mul(learned.slopes, 1 - adversarial), tf.mul(fooled.slopes, adversarial)),
      };
    }
    default:
      throw new Error(`internal: loss ${config satisfies never}`);
  }
}

/** −log p_t; slope p − 1[t]. */
function softmax({ logits, positive }: Logits): Terms {
  const { losses, slopes } = crossEntropy(logits, positive);
  return { values: losses, slopes };
}

/**
 * Binary cross-entropy of the softmax's shares (the paper's §3): −log p_t − Σ log(1 − p_j) over the negatives. The slope is
 * p − 1[t] + 1[negative]·p − p·Σ p_j/(1 − p_j) over the negatives j but the one itself. Of a query's largest share 1 − p is what the others sum to, in
 * logarithms: the difference would be 0 where a negative is ahead by 17 logits.
 */
function bce({ logits, positive, negatives }: Logits): Terms {
  const logP = tf.logSoftmax(logits, 1); // [Q, P]
  const p = tf.exp(logP);
  const top = tf.cast(tf.oneHot(tf.argMax(logits, 1), logits.shape[1]), 'float32'); // [Q, P]
  const below = tf.mul(negatives, tf.sub(1, top)); // the negatives but the largest share, of which 1 − p is ½ or more
  const rest = tf.maximum(tf.sub(1, p), 0.5); // [Q, P]
  const logRest = tf.logSumExp(tf.add(logP, tf.mul(top, BLOCKED)), 1, true); // log(1 − p) of the largest, [Q, 1]
  const topNegative = tf.mul(top, negatives);
  const odds = tf.mul(below, tf.div(p, rest)); // [Q, P]
  const topTerm = tf.exp(tf.minimum(tf.sub(tf.add(logP, tf.max(logP, 1, true)), logRest), 0)); // p·p_top/(1 − p_top), beside the top
  return {
    values: tf.neg(tf.addN([tf.mul(logP, positive), tf.mul(tf.log(rest), below), tf.mul(logRest, topNegative)])),
    slopes: tf.sub(
      tf.add(tf.sub(p, positive), tf.mul(p, negatives)),
      tf.add(tf.mul(p, tf.sub(tf.sum(odds, 1, true), odds)), tf.mul(tf.mul(topTerm, tf.sub(1, top)), tf.sum(topNegative, 1, true))),
    ),
  };
}

/** The mean over negatives of log(1 + e^(s_j − s_t)) (RankNet). */
function pairwise(of: Logits): Terms {
  const { gap, share } = gapsOf(of.logits, of);
  return { values: tf.mul(tf.softplus(tf.neg(gap)), share), slopes: spread(tf.mul(tf.neg(tf.sigmoid(tf.neg(gap))), share), of) };
}

/** The mean over negatives of ((s_t − s_j) − (D_t − D_j))² (Hofstätter et al. 2020). */
function marginMse(of: Logits): Terms {
  const { gap, share } = gapsOf(of.logits, of);
  const error = tf.sub(gap, gapsOf(rankerOf(of), of).gap); // [Q, P]
  return { values: tf.mul(tf.square(error), share), slopes: spread(tf.mul(tf.mul(error, 2), share), of) };
}

/**
 * τ²·KL(softmax(D/τ) ‖ softmax(s/τ)) over the query's passages: the cross-entropy H(p_φ, p_θ) of AR2 less what training cannot change; slope
 * τ·(p_θ − p_φ). τ² keeps the slope's size (Hinton et al. 2015).
 */
function distillation(of: Logits, temperature: number): Terms {
  const student = tf.logSoftmax(tf.div(of.logits, temperature) as tf.Tensor2D, 1); // [Q, P]
  const teacher = tf.logSoftmax(tf.div(competing(rankerOf(of), of), temperature) as tf.Tensor2D, 1);
  const p = tf.exp(teacher);
  return {
    values: tf.mul(tf.mul(p, tf.sub(teacher, student)), temperature ** 2),
    slopes: tf.mul(tf.sub(tf.exp(student), p), temperature),
  };
}

/**
 * AR2's J_adv = E_{d∼p_θ}[log σ(D_t − D_d)] over the query's passages, d⁺ among them (r = log ½ there, as in its code): p_θ is drawn to what the ranker takes
 * for the positive. Slope p_θ·(r − J).
 */
function adversary(of: Logits): Terms {
  const p = tf.softmax(of.logits, 1); // [Q, P]
  const rewards = tf.neg(tf.softplus(tf.neg(gapsOf(competing(rankerOf(of), of), of).gap))); // log σ(D_t − D_d), [Q, P]
  const values = tf.mul(p, rewards);
  return { values, slopes: tf.mul(p, tf.sub(rewards, tf.sum(values, 1, true))) };
}

/** x_t − x_j [Q, P] where the passages compete, 0 elsewhere, and what each negative counts in a query's mean. */
function gapsOf(x: tf.Tensor2D, { positive, negatives }: Logits): { gap: tf.Tensor; share: tf.Tensor } {
  const ofPositive = tf.sum(tf.mul(x, positive), 1, true); // [Q, 1]
  const many = tf.maximum(tf.sum(negatives, 1, true), 1); // [Q, 1]
  return { gap: tf.mul(tf.sub(ofPositive, x), tf.add(negatives, positive)), share: tf.div(negatives, many) };
}

/** Slopes with respect to each gap, as slopes with respect to the logits: − at the negative, + at the positive. */
const spread = (slopes: tf.Tensor, { positive }: Logits): tf.Tensor => tf.sub(tf.mul(positive, tf.sum(slopes, 1, true)), slopes);

/** The ranker's logits, as low as a logit of the encoder where a passage does not compete. */
const competing = (ranker: tf.Tensor2D, { positive, negatives }: Logits): tf.Tensor2D =>
  tf.add(tf.mul(ranker, tf.add(positive, negatives)), tf.mul(tf.sub(1, tf.add(positive, negatives)), BLOCKED)) as tf.Tensor2D;

/** What the mask adds to the logit of a passage that does not compete. */
export const BLOCKED = -1e9;

/** Whether a passage with this number in the mask competes. */
export const competes = (masked: number): boolean => masked > BLOCKED / 2;

function rankerOf({ ranker }: Logits): tf.Tensor2D {
  if (!ranker) throw new Error('internal: the loss needs a ranker’s logits');
  return ranker;
}
