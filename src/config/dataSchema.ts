/** The `data` section of a job file. */
import { z } from 'zod';
import { count, defaultKind, key } from './keyTypes.js';

/** Formats of files, as data/formats.ts reads them. */
const COLLECTIONS = ['beir', 'msmarco-passage', 'msmarco-document', 'trec'] as const;
const FILE_FORMATS = ['auto', ...COLLECTIONS, 'dpr', 'tevatron', 'pairs', 'clicks'] as const;

const devShare = () =>
  key(z.number().gt(0).max(0.5), 0.2, 'share', 'Share of the training queries held out as dev where the data has no dev split.');

const windows = z
  .strictObject({
    words: key(count(), 300, 'words', 'Words in a window.'),
    stride: key(count(), 150, 'words', 'Words from the begin of a window to that of the next.'),
  })
  .refine(({ words, stride }) => stride <= words, 'a stride of at most words, for words between windows would be lost');

/** What all sets of files have. */
const fileKeys = () => ({
  path: z.string().min(1).meta({
    unit: 'folder',
    description: 'Folder of the data set (of examples also a file), seen from where simans runs.',
    form: 'the folder of a data set',
  }),
  corpus: key(z.string().min(1), 'own', 'file', 'Passages in a file elsewhere, such as psgs_w100.tsv.gz; own: those of the folder.'),
  devShare: devShare(),
  fields: key(
    z.union([z.literal('auto'), z.array(z.enum(['title', 'url', 'text'])).min(1)]),
    'auto',
    '',
    'What of a passage is read, in order; auto: title and text, of MS MARCO documents url, title and text.',
  ),
  separator: key(
    z.enum(['space', 'token']),
    'space',
    '',
    'What stands between the fields: a space, or the tokenizer’s separator token, as in DPR.',
  ),
  windows: key(
    z.union([z.literal('none'), windows]),
    'none',
    '',
    'Cuts documents into overlapping windows, each a passage; a document’s score is its best window’s (MaxP). none: their begin is read (FirstP).',
  ),
  dangling: key(
    z.enum(['refuse', 'keep']),
    'refuse',
    '',
    'Judgments of passages outside the corpus: an error, or kept as never found and counted.',
  ),
  removeSelf: key(
    z.boolean(),
    false,
    '',
    'A passage whose id is a query’s is that query itself (ArguAna, Quora): never ranked for it, never its negative.',
  ),
  duplicates: key(
    z.enum(['asIs', 'judged']),
    'asIs',
    '',
    'Passages with the text of a judged one: as the judgments have it, or judged alike.',
  ),
});

const ofFormat = <const F extends string, const K extends z.core.$ZodShape>(format: F, keys: K) =>
  z.strictObject({ format: z.literal(format), ...fileKeys(), ...keys });

export const data = z
  .discriminatedUnion('format', [
    z.strictObject({
      format: defaultKind('builtin'),
      name: key(
        z.enum(['api-docs', 'wordnet', 'wordnet-examples']),
        'api-docs',
        '',
        'Which of the data sets that come with the npm packages.',
      ),
      devShare: devShare(),
    }),
    ofFormat('auto', {}),
    ofFormat('beir', {}),
    ofFormat('msmarco-passage', {}),
    ofFormat('msmarco-document', {}),
    ofFormat('trec', {}),
    ofFormat('dpr', {
      positives: key(
        z.enum(['first', 'all']),
        'first',
        '',
        'Which of a question’s positives are: the first, which was marked, or all; the others are never negatives.',
      ),
      labels: key(
        z.enum(['given', 'answers']),
        'given',
        '',
        'answers: for training questions without positives those of BM25’s first 100 passages that hold an answer (distant supervision).',
      ),
    }),
    ofFormat('tevatron', {}),
    ofFormat('pairs', {}),
    ofFormat('clicks', {
      minClicks: key(count(), 1, 'clicks', 'Clicks that make a passage a positive; with fewer it is only never a negative.'),
      testShare: key(z.number().min(0).max(0.5), 0.1, 'share', 'Share of the queries, the latest, that becomes test.'),
    }),
    z.strictObject({
      format: z.literal('mix'),
      sets: z
        .array(
          z.strictObject({
            weight: key(z.number().gt(0), 1, '', 'This set’s share of a step’s queries, beside the other sets’ weights.'),
            format: key(z.enum(FILE_FORMATS), 'auto', '', 'Its format.'),
            ...fileKeys(),
          }),
        )
        .min(2)
        .meta({ description: 'Sets of files that are trained on together, each with weight, format, path and the other keys of files.' }),
    }),
  ])
  .meta({ description: 'Where corpus, queries and judgments come from; auto tells the format by the files.' });
