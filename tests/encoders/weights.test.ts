import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { createDualEncoder } from '../../src/encoders/dualEncoder.js';
import { forEachSlice, initialParameters } from '../../src/encoders/parameters.js';
import { flatParameters, namedTensors } from '../../src/encoders/weights.js';
import { tinyShape } from '../train/fixtures.js';

const { specs } = createDualEncoder(tinyShape());
const flat = initialParameters(specs, 1);
const named = (prefix = '') => new Map(namedTensors(specs, flat, prefix).map((tensor) => [tensor.name, tensor]));

describe('parameters under published names', () => {
  it('come back bit for bit, whatever the order of the file', () => {
    expect(flatParameters(specs, named(), 'f')).toEqual(flat);
    expect(flatParameters(specs, new Map([...named()].reverse()), 'f')).toEqual(flat);
    expect(flatParameters(specs, named('first.'), 'f', 'first.')).toEqual(flat);
  });

  it('hold every value once', () => {
    const values = [...named().values()].flatMap((tensor) => [...tensor.values]);
    expect(values.length).toBe(flat.length);
    expect(values.sort()).toEqual([...flat].sort());
  });

  it('key and value are the two halves of the matrix kept inside', () => {
    forEachSlice(specs, (spec, begin, end) => {
      if (!spec.name.includes('.self.kv.')) return;
      const half = (end - begin) / 2;
      const part = (name: string) => named().get(spec.name.replace('.kv.', `.${name}.`))!.values;
      expect(part('key')).toEqual(flat.subarray(begin, begin + half));
      expect(part('value')).toEqual(flat.subarray(begin + half, end));
    });
    expect([...named().keys()].filter((name) => name.includes('.kv.'))).toEqual([]);
  });

  it('of another architecture are refused, naming file and tensor', () => {
    const without = named();
    without.delete('embeddings.LayerNorm.bias');
    expect(() => flatParameters(specs, without, 'f')).toThrow(
      new UserError('f: no tensor embeddings.LayerNorm.bias; expected shape [8]. The file belongs to another architecture.'),
    );
    const wider = createDualEncoder({ ...tinyShape(), transformer: { ...tinyShape().transformer, vocabulary: 31 } }).specs;
    expect(() => flatParameters(wider, named(), 'f')).toThrow(
      /f: tensor embeddings.word_embeddings.weight has shape \[30,8\]; expected \[31,8\]/,
    );
    const deeper = new Map([...named(), ['encoder.layer.2.output.dense.bias', { name: 'x', shape: [8], values: new Float32Array(8) }]]);
    expect(() => flatParameters(specs, deeper, 'f')).toThrow('f: unknown tensor encoder.layer.2.output.dense.bias');
  });
});
