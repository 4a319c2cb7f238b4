// Compiles one Motoko file with the compiler of the npm package `motoko`.
//
//   node compile_motoko.js NODE_MODULES COLLECTOR OUTPUT_STEM MAIN.mo [IMPORTED.mo ...]
//
// Writes OUTPUT_STEM.wasm, .did and .most. One process per file: the choice of
// collector is global to the compiler and cannot be taken back.
'use strict';

const fs = require('fs');
const path = require('path');

const [nodeModules, collector, outputStem, source, ...imported] = process.argv.slice(2);

// An uncaught error would print the compiler's own minified source, megabytes of it.
function fail(message) {
  fs.writeSync(2, `${message}\n`);
  process.exit(1);
}

function describe({ range, severity, code, message }) {
  const { line, character } = range.start;
  const kind = severity === 1 ? 'error' : 'warning';
  return `${path.basename(source)}:${line + 1}:${character + 1}: ${kind} [${code}] ${message}`;
}

try {
  const motoko = require(path.join(nodeModules, 'motoko')).default;
  motoko.loadPackage(require(path.join(nodeModules, 'motoko/packages/latest/core.json')));
  motoko.compiler.gcFlags(collector);
  motoko.setPublicMetadata(['candid:service', 'candid:args', 'motoko:stable-types']);

  // The same name for every file: it ends up inside the module.
  motoko.write('Main.mo', fs.readFileSync(source, 'utf8'));
  for (const file of imported) motoko.write(path.basename(file), fs.readFileSync(file, 'utf8'));
  const { code, diagnostics } = motoko.compiler.compileWasm('ic', 'Main.mo');
  const found = (diagnostics || []).map(describe);
  // Warnings count: a test canister that puzzles its compiler puzzles its reader too.
  if (!code || found.length > 0) fail(found.join('\n') || 'no code and no diagnostics');

  fs.writeFileSync(`${outputStem}.wasm`, code.wasm);
  fs.writeFileSync(`${outputStem}.did`, code.candid);
  fs.writeFileSync(`${outputStem}.most`, code.stable);
} catch (error) {
  fail(String((error && error.message) || error).slice(0, 4000));
}
