/** The pretrained encoder that is measured: all-MiniLM-L6-v2, in the folder that SIMANS_MINILM names, or the same weights with another pooling. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * A folder `into` that both sides open: the model's files, with this pooling and length.
 * @param {string} into @param {{ pooling: string, maxTokens: number }} settings
 */
export function minilm(into, { pooling, maxTokens }) {
  const from = process.env.SIMANS_MINILM;
  if (!from) throw new Error('no model: SIMANS_MINILM does not name the folder of all-MiniLM-L6-v2');
  /** @type {Record<string, object>} */
  const changed = {
    '1_Pooling/config.json': { pooling_mode_mean_tokens: pooling === 'mean', pooling_mode_cls_token: pooling === 'cls' },
    'sentence_bert_config.json': { max_seq_length: maxTokens },
  };
  fs.mkdirSync(path.join(into, '1_Pooling'), { recursive: true });
  for (const name of fs.readdirSync(from)) {
    if (!(name in changed) && name !== '1_Pooling') fs.symlinkSync(path.resolve(from, name), path.join(into, name));
  }
  for (const [name, keys] of Object.entries(changed)) {
    const read = JSON.parse(fs.readFileSync(path.join(from, name), 'utf8'));
    fs.writeFileSync(path.join(into, name), JSON.stringify({ ...read, ...keys }));
  }
  return into;
}
