/**
 * Compiles the binding of @tensorflow/tfjs-node-gpu against a libtensorflow that is on this machine, where its own download is refused or does not fit.
 *   node scripts/tensorflow-binding.mjs FOLDER
 * FOLDER holds `include/tensorflow/c` and libtensorflow (or libtensorflow_cc) and libtensorflow_framework, ≥ 2.9: the `tensorflow` folder of an unpacked
 * Python wheel, or an unpacked libtensorflow. Needs Linux, g++ and Node's headers. Afterwards `simans doctor` finds the backend; `npm ci` takes it away.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@tensorflow/tfjs-node-gpu';
const root = fileURLToPath(new URL('..', import.meta.url));
const { optionalDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const folder = path.resolve(process.argv[2] ?? fail('usage: node scripts/tensorflow-binding.mjs FOLDER'));

const places = [folder, path.join(folder, 'lib')].filter((place) => fs.existsSync(place));
const headers = path.join(path.dirname(process.execPath), '..', 'include', 'node');
const found = {
  include: path.join(folder, 'include'),
  framework: library('libtensorflow_framework.so'),
  api: library('libtensorflow.so') ?? library('libtensorflow_cc.so'),
};
if (!fs.existsSync(path.join(found.include, 'tensorflow', 'c', 'c_api.h')) || !found.framework || !found.api)
  fail(`${folder}: expected include/tensorflow/c/c_api.h, libtensorflow.so or libtensorflow_cc.so, and libtensorflow_framework.so`);
if (!fs.existsSync(path.join(headers, 'node_api.h'))) fail(`${headers}: expected Node's headers, node_api.h among them; install them`);

run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${PACKAGE}@${optionalDependencies[PACKAGE]}`]);
const installed = path.join(root, 'node_modules', PACKAGE);
const binding = path.join(installed, 'lib', 'napi-v8', 'tfjs_binding.node');
fs.mkdirSync(path.dirname(binding), { recursive: true });
run('g++', [
  ...['-std=c++17', '-O2', '-shared', '-fPIC', '-DNAPI_VERSION=8', `-I${found.include}`, `-I${installed}`, `-I${headers}`],
  ...['-o', binding, ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((source) => path.join(installed, 'binding', source))],
  ...[found.api, found.framework, ...places.map((place) => `-Wl,-rpath,${place}`)],
]);
console.log(`made ${binding}; see: npx simans doctor`);

/** The library whose name begins so, with whatever version. @param {string} name */
function library(name) {
  for (const place of places) {
    const file = fs.readdirSync(place).find((one) => one === name || one.startsWith(`${name}.`));
    if (file) return path.join(place, file);
  }
}

/** @param {string} command @param {string[]} argv */
function run(command, argv) {
  execFileSync(command, argv, { cwd: root, stdio: 'inherit' });
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
