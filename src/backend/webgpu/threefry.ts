/** Threefry-2x32-20 in WGSL (core/random.ts). */

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** Twenty rounds; after each four the key schedule is added. */
const rounds = Array.from({ length: 5 }, (_, group) => {
  const turns = [0, 1, 2, 3].map((i) => {
    const turn = ROTATIONS[(4 * group + i) % 8]!;
    return `  x0 = x0 + x1; x1 = ((x1 << ${turn}u) | (x1 >> ${32 - turn}u)) ^ x0;`;
  });
  const [a, b] = [(group + 1) % 3, (group + 2) % 3];
  return [...turns, `  x0 = x0 + keys[${a}]; x1 = x1 + keys[${b}] + ${group + 1}u;`].join('\n');
});

/** `threefry(k0, k1, c0, c1)`: the two words of a counter. */
export const THREEFRY = `
fn threefry(k0: u32, k1: u32, c0: u32, c1: u32) -> vec2<u32> {
  let keys = array<u32, 3>(k0, k1, 0x1bd11bdau ^ k0 ^ k1);
  var x0 = c0 + k0;
  var x1 = c1 + k1;
${rounds.join('\n')}
  return vec2<u32>(x0, x1);
}`;
