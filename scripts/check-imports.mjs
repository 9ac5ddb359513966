/**
 * Checks what CONTRIBUTING.md says of imports: `node scripts/check-imports.mjs [root]`.
 * Imports between the rooms of src/ point left only, TensorFlow.js is imported by backend/ and yargs by cli/ alone, sampling/ and eval/ reach no
 * TensorFlow.js through others either, and nothing calls Math.random. Offenders are printed as file:line; the exit code is 1 if there are any.
 */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** From left to right; rooms of one step do not import each other. core/ is open to all. */
const ARROWS = [
  ['core'],
  ['config', 'backend'],
  ['data'],
  ['encoders'],
  ['index'],
  ['sampling', 'eval'],
  ['train'],
  ['recipes'],
  ['analysis', 'report'],
  ['cli'],
];
const WITHOUT_TENSORS = ['sampling', 'eval'];
const HOME_OF = [
  { packages: /^(@tensorflow\/|onnxruntime|onnx-proto)/, room: 'backend' },
  { packages: /^yargs/, room: 'cli' },
];

const root = path.resolve(process.argv[2] ?? '.');
const src = path.join(root, 'src');
const stepOf = (room) => ARROWS.findIndex((rooms) => rooms.includes(room));
const roomOf = (file) => path.relative(src, file).split(path.sep)[0];

const files = new Map(sourceFiles(src).map((file) => [file, importsOf(file)]));
const offences = [...files].flatMap(([file, imports]) => imports.flatMap((found) => offencesOf(file, found)));
offences.push(...[...files.keys()].filter((file) => WITHOUT_TENSORS.includes(roomOf(file))).flatMap(tensorOffences));
offences.push(...['src', 'bench', 'claims', 'tests'].flatMap((folder) => sourceFiles(path.join(root, folder))).flatMap(randomOffences));

for (const offence of offences) console.log(offence);
console.log(`imports of ${files.size} files: ${offences.length === 0 ? 'all arrows point left' : `${offences.length} offences`}`);
process.exitCode = offences.length === 0 ? 0 : 1;

function sourceFiles(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js|mjs)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Every import, export … from, import() and new URL(…, import.meta.url) of a file: {specifier, line, erased}. */
function importsOf(file) {
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = [];
  const add = (node, erased) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) {
      found.push({ specifier: node.text, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, erased });
    }
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
    else if (ts.isNewExpression(node) && node.expression.getText() === 'URL' && /\.js'$/.test(node.arguments?.[0]?.getText() ?? ''))
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The source file a relative specifier means (a worker may be named by its compiled file), or undefined for a package. */
function target(file, specifier) {
  if (!specifier.startsWith('.')) return undefined;
  const fromRoot = path.relative(root, path.resolve(path.dirname(file), specifier));
  return path.join(root, fromRoot.replace(/^dist(?=[\\/])/, 'src').replace(/\.js$/, '.ts'));
}

function offencesOf(file, { specifier, line }) {
  const place = `${path.relative(root, file)}:${line}`;
  const room = roomOf(file);
  const to = target(file, specifier);
  if (to === undefined) {
    const home = HOME_OF.find(({ packages }) => packages.test(specifier));
    return home === undefined || home.room === room ? [] : [`${place}: ${specifier} is for ${home.room}/ alone`];
  }
  if (!files.has(to)) return [`${place}: ${specifier} is no file of src/ (relative imports end in .js)`];
  const toRoom = roomOf(to);
  if (stepOf(room) < 0) return [`${place}: ${room}/ is no room of src/; rooms are ${ARROWS.flat().join(', ')}`];
  if (toRoom === room || toRoom === 'core' || (room !== 'backend' && stepOf(toRoom) < stepOf(room) && stepOf(toRoom) >= 0)) return [];
  return [`${place}: ${room}/ must not import ${toRoom}/ (${specifier})`];
}

/** Follows what is left after compilation (type imports are erased) to TensorFlow.js; says by which way. */
function tensorOffences(start) {
  const seen = new Set([start]);
  const ways = [[start]];
  for (const way of ways) {
    for (const { specifier, erased, line } of files.get(way.at(-1)) ?? []) {
      if (erased) continue;
      if (specifier.startsWith('@tensorflow/')) {
        const through = way.map((file) => path.relative(src, file)).join(' → ');
        return [`${path.relative(root, way.at(-1))}:${line}: ${roomOf(start)}/ reaches ${specifier}: ${through}`];
      }
      const to = target(way.at(-1), specifier);
      if (to === undefined || seen.has(to)) continue;
      seen.add(to);
      ways.push([...way, to]);
    }
  }
  return [];
}

function randomOffences(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((text, i) =>
    text.includes('Math.random(') ? [`${path.relative(root, file)}:${i + 1}: use core/random.ts, not Math.random`] : [],
  );
}
