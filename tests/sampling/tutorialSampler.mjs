// @ts-nocheck: plain JavaScript, as a user writes it
// A sampler of your own: SimANS whose peak moves with the pool. Draws near a quantile of the pool's scores instead of near the positive.
export default function quantileSampler({ quantile = 0.5, a = 0.5 }) {
  const weights = ({ scores }) => {
    const centre = [...scores].sort((x, y) => x - y)[Math.floor(quantile * (scores.length - 1))];
    return Float64Array.from(scores, (score) => -a * (score - centre) ** 2); // log p up to a constant
  };
  return {
    kind: 'quantile',
    capacity: (pool) => pool.passages.length,
    draw(pool, m, uniforms) {
      // Gumbel top-k: the m largest keys are a draw without replacement in proportion to p.
      const keys = weights(pool).map((logWeight, i) => logWeight - Math.log(-Math.log(uniforms(i))));
      const order = [...keys.keys()].sort((i, j) => keys[j] - keys[i]);
      return Int32Array.from(order.slice(0, m), (i) => pool.passages[i]);
    },
  };
}
