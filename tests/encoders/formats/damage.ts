import fc from 'fast-check';

/** The bytes with one to `most` of them changed. */
export const damaged = (bytes: Buffer, most: number): fc.Arbitrary<Buffer> =>
  fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: most }).map((changes) => {
    const broken = Buffer.from(bytes);
    for (const [at, value] of changes) broken[at] = value;
    return broken;
  });
