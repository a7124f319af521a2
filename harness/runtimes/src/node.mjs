// Runs one guest on `node:wasi` and reports how the run ended. `node.rs` starts it and reads the report.
//
// Arguments are three fds: the module, the world as JSON, and a file for the report: a line of JSON, then the memories.
// stdin, stdout and stderr belong to the guest; nothing here touches them.

import { readFileSync, writeFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [moduleFd, worldFd, reportFd] = process.argv.slice(1).map(Number);
const world = JSON.parse(readFileSync(worldFd, 'utf8'));

// V8 tells the class of a trap by its text only. These texts are V8's constants; all others are `other`.
const TRAPS = {
  'unreachable': 'unreachable',
  'memory access out of bounds': 'memory-out-of-bounds',
  'table index is out of bounds': 'table-out-of-bounds',
  'null function or function signature mismatch': 'bad-indirect-call',
  'divide by zero': 'division-by-zero',
  'remainder by zero': 'division-by-zero',
  'divide result unrepresentable': 'integer-overflow',
  'float unrepresentable in integer range': 'bad-conversion',
};

// The stack of an error becomes whether the error came out of guest code.
Error.prepareStackTrace = (_, frames) => frames.some((frame) => String(frame.getFileName()).startsWith('wasm:'));

const exit = (code) => ({ exit: { code: code >>> 0 } });
const rejected = (stage, error) => ({ rejected: { stage, message: String(error) } });

function trapClass(error) {
  if (error instanceof WebAssembly.RuntimeError) return TRAPS[error.message] ?? 'other';
  // Node's own errors have a code
  return error instanceof RangeError && error.code === undefined ? 'stack-overflow' : 'host';
}

// What a throw means: an end of guest code that ran, or a refusal before any did.
function thrown(error, wasi, stage) {
  // `proc_exit` throws the symbol under which the code is kept; `WASI.start` catches it, but a start function runs before that
  if (typeof error === 'symbol') return exit(wasi[error]);
  return error.stack === true ? { trap: { class: trapClass(error) } } : rejected(stage, error);
}

// The trace of a recorded module, which V8 before 12.0 cannot keep in a second memory. It grows as it is written: with 64 MiB
// from the start V8 would collect garbage in every run, during which Node 20 crashes now and then when a guest exits.
const log = new ArrayBuffer(1 << 16, { maxByteLength: world.trace_bytes });
const view = new DataView(log);
function room(address) {
  if (address + 8 > log.byteLength) log.resize(Math.min(2 * (address + 8), world.trace_bytes));
  return address;
}
const keeper = {
  load32: (address) => view.getInt32(address, true),
  store8: (address, value) => view.setInt8(room(address), value),
  store32: (address, value) => view.setInt32(room(address), value, true),
  store64: (address, value) => view.setBigInt64(room(address), value, true),
};
let keeps = false;

let instance;
function run() {
  const wasi = new WASI({
    version: 'preview1',
    args: world.args,
    env: Object.fromEntries(world.env),
    preopens: Object.fromEntries(world.preopens),
    stdin: 0,
    stdout: 1,
    stderr: 2,
    returnOnExit: true,
  });
  let module;
  try {
    module = new WebAssembly.Module(readFileSync(moduleFd));
  } catch (error) {
    return rejected('compile', error);
  }
  keeps = WebAssembly.Module.imports(module).some((entry) => entry.module === world.trace);
  try {
    instance = new WebAssembly.Instance(module, { ...wasi.getImportObject(), ...(keeps && { [world.trace]: keeper }) });
  } catch (error) {
    return thrown(error, wasi, 'instantiate');
  }
  const has = (name) => typeof instance.exports[name] === 'function';
  try {
    if (world.calls.length === 0) return exit(wasi.start(instance));
    wasi.initialize(instance);
    for (const name of world.calls) {
      if (!has(name)) return rejected('no-start', `there is no function ${name}`);
      instance.exports[name]();
    }
    return exit(0);
  } catch (error) {
    return thrown(error, wasi, world.calls.length > 0 || has('_start') ? 'instantiate' : 'no-start');
  }
}

function content(name) {
  // the log says in its first bytes how long it is, and is at least a header
  if (keeps && name === world.trace) return new Uint8Array(log, 0, Math.max(8, view.getUint32(0, true)));
  const memory = instance?.exports[name];
  return memory instanceof WebAssembly.Memory ? new Uint8Array(memory.buffer) : undefined;
}

function report() {
  let end;
  try {
    end = run();
  } catch (error) {
    // neither the guest nor its refusal: `new WASI` did not like what it was given
    return [{ failed: String(error) }, []];
  }
  const found = world.memories.map((name) => [name, content(name)]).filter(([, bytes]) => bytes !== undefined);
  const memories = found.map(([name, bytes]) => [name, bytes.length]);
  return [{ ended: { end, memories } }, found.map(([, bytes]) => bytes)];
}

const [head, memories] = report();
writeFileSync(reportFd, `${JSON.stringify(head)}\n`);
for (const bytes of memories) writeFileSync(reportFd, bytes);
