/**
 * The public data sets that `simans data get` knows. MD5 sums: of BEIR as its README lists them, of DPR and MS MARCO as ir_datasets and pyserini publish
 * them; a file without one has none published, and its SHA-256 is written down when it arrives.
 */

export interface RemoteFile {
  readonly url: string;
  readonly md5?: string;
  readonly bytes?: number;
  /** Its name in the folder; by default the last part of the address. Of an archive the members are what lands there. */
  readonly as?: string;
}

export interface KnownDataset {
  readonly name: string;
  readonly about: string;
  readonly format: 'beir' | 'dpr' | 'msmarco-passage' | 'msmarco-document';
  readonly licence: string;
  /** Where its terms are to be read. */
  readonly terms: string;
  readonly files: readonly RemoteFile[];
}

const BEIR = 'https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets';
const DPR = 'https://dl.fbaipublicfiles.com/dpr';
const MSMARCO = 'https://msmarco.z22.web.core.windows.net/msmarcoranking';
const MSMARCO_TERMS = 'non-commercial research only';

function beir(name: string, md5: string, about: string, licence: string, terms: string, archive = name): KnownDataset {
  return { name, about, format: 'beir', licence, terms, files: [{ url: `${BEIR}/${archive}.zip`, md5 }] };
}

const PASSAGES: RemoteFile = {
  url: `${DPR}/wikipedia_split/psgs_w100.tsv.gz`,
  md5: '612fe66e0b6b41ee28f806140226c563',
  bytes: 4_694_541_059,
};

export const KNOWN_DATASETS: readonly KnownDataset[] = [
  {
    name: 'nq',
    about: 'Natural Questions as DPR uses them: 58,880 training questions, 21,015,324 Wikipedia passages',
    format: 'dpr',
    licence: 'questions CC BY-SA 3.0, Wikipedia text CC BY-SA 3.0 and GFDL, DPR’s selection CC BY-NC 4.0',
    terms: 'https://github.com/facebookresearch/DPR#license',
    files: [
      PASSAGES,
      {
        url: `${DPR}/data/retriever/biencoder-nq-train.json.gz`,
        md5: 'a1c927b5adae71388eb064329387709f',
        bytes: 2_314_892_908,
        as: 'nq-train.json.gz',
      },
      {
        url: `${DPR}/data/retriever/biencoder-nq-dev.json.gz`,
        md5: '2640483dbe0df7ae29c6da419c551a80',
        bytes: 256_239_282,
        as: 'nq-dev.json.gz',
      },
      { url: `${DPR}/data/retriever/nq-test.qa.csv` },
    ],
  },
  {
    name: 'triviaqa',
    about: 'TriviaQA as DPR uses it: 60,413 training questions, 21,015,324 Wikipedia passages',
    format: 'dpr',
    licence: 'questions: rights stay with the sites they come from; Wikipedia text CC BY-SA 3.0; DPR’s selection CC BY-NC 4.0',
    terms: 'https://github.com/facebookresearch/DPR#license',
    files: [
      PASSAGES,
      {
        url: `${DPR}/data/retriever/biencoder-trivia-train.json.gz`,
        md5: '5aa4d3577c91425cd20e239ed89a252b',
        bytes: 1_848_559_940,
        as: 'trivia-train.json.gz',
      },
      {
        url: `${DPR}/data/retriever/biencoder-trivia-dev.json.gz`,
        md5: 'd559dffe09acfe5a6370adea55b8abf2',
        bytes: 207_271_749,
        as: 'trivia-dev.json.gz',
      },
      { url: `${DPR}/data/retriever/trivia-test.qa.csv.gz` },
    ],
  },
  {
    name: 'msmarco-passage',
    about: 'MS MARCO passages: 502,939 training queries, 8,841,823 passages',
    format: 'msmarco-passage',
    licence: MSMARCO_TERMS,
    terms: 'https://microsoft.github.io/msmarco/',
    files: [{ url: `${MSMARCO}/collectionandqueries.tar.gz`, md5: '31644046b18952c1386cd4564ba2ae69', bytes: 1_057_717_952 }],
  },
  {
    name: 'msmarco-document',
    about: 'MS MARCO documents: 367,013 training queries, 3,213,835 documents',
    format: 'msmarco-document',
    licence: MSMARCO_TERMS,
    terms: 'https://microsoft.github.io/msmarco/',
    files: [
      { url: `${MSMARCO}/msmarco-docs.tsv.gz` },
      { url: `${MSMARCO}/msmarco-doctrain-queries.tsv.gz`, md5: '4086d31a9cf2d7b69c4932609058111d', bytes: 6_457_962 },
      { url: `${MSMARCO}/msmarco-doctrain-qrels.tsv.gz`, md5: '9d1609e240113b0504fd2e61cb36d924', bytes: 2_385_717 },
      { url: `${MSMARCO}/msmarco-docdev-queries.tsv.gz`, md5: 'ac20593d71b9c32ab2633230f9cdf10d', bytes: 91_837 },
      { url: `${MSMARCO}/msmarco-docdev-qrels.tsv.gz`, md5: '5eeafaeb4960979a62e7fed93273254e', bytes: 38_553 },
    ],
  },
  beir(
    'scifact',
    '5f7d1de60b170fc8027bb7898e2efca1',
    'scientific claims against 5,183 abstracts',
    'claims CC BY 4.0, abstracts ODC-By 1.0',
    'https://github.com/allenai/scifact',
  ),
  beir(
    'nfcorpus',
    'a89dba18a62ef92f7d323ec890a0d38d',
    'nutrition questions against 3,633 medical abstracts',
    'research use, see its terms',
    'https://www.cl.uni-heidelberg.de/statnlpgroup/nfcorpus/',
  ),
  beir(
    'arguana',
    '8ad3e3c2a5867cdced806d6503f29b99',
    'arguments and their counter-arguments, 8,674 of them (removeSelf: true)',
    'CC BY 4.0',
    'http://argumentation.bplaced.net/arguana/data',
  ),
  beir(
    'scidocs',
    '38121350fc3a4d2f48850f6aff52e4a9',
    'citations of 25,657 scientific papers',
    'GPL 3.0',
    'https://allenai.org/data/scidocs',
  ),
  beir(
    'fiqa',
    '17918ed23cd04fb15047f73e6c3bd9d9',
    'financial questions against 57,638 answers',
    'research use, see its terms',
    'https://sites.google.com/view/fiqa/',
  ),
  beir(
    'trec-covid',
    'ce62140cb23feb9becf6270d0d1fe6d1',
    '50 topics against 171,332 papers on COVID-19',
    'see the terms of CORD-19',
    'https://ir.nist.gov/covidSubmit/index.html',
  ),
  beir(
    'quora',
    '18fb154900ba42a600f84b839c173167',
    'equal questions among 522,931 (removeSelf: true)',
    'see its terms',
    'https://www.quora.com/q/quoradata/First-Quora-Dataset-Release-Question-Pairs',
  ),
  beir(
    'cqadupstack',
    '4e41456d7df8ee7760a7f866133bda78',
    'equal questions of 12 forums (a folder each)',
    'Apache-2.0, posts CC BY-SA',
    'http://nlp.cis.unimelb.edu.au/resources/cqadupstack/',
  ),
  beir(
    'dbpedia-entity',
    'c2a39eb420a3164af735795df012ac2c',
    'entities of DBpedia, 4.6 million',
    'CC BY-SA 3.0',
    'https://github.com/iai-group/DBpedia-Entity/',
  ),
  beir(
    'hotpotqa',
    'f412724f78b0d91183a0e86805e16114',
    'questions over two Wikipedia passages, 5.2 million',
    'CC BY-SA 4.0',
    'https://hotpotqa.github.io',
  ),
  beir('fever', '5a818580227bfb4b35bb6fa46d9b6c03', 'claims against 5.4 million Wikipedia abstracts', 'CC BY-SA 3.0', 'http://fever.ai'),
  beir(
    'climate-fever',
    '8b66f0a9126c521bae2bde127b4dc99d',
    'claims on the climate against 5.4 million Wikipedia abstracts',
    'see its terms',
    'http://climatefever.ai',
  ),
  beir(
    'nq-beir',
    'd4d3d2e48787a744b6f6e691ff534307',
    'Natural Questions as BEIR has them: 2.7 million passages',
    'CC BY-SA 3.0',
    'https://ai.google.com/research/NaturalQuestions',
    'nq',
  ),
  beir(
    'msmarco-beir',
    '444067daf65d982533ea17ebd59501e4',
    'MS MARCO passages as BEIR has them',
    MSMARCO_TERMS,
    'https://microsoft.github.io/msmarco/',
    'msmarco',
  ),
];
