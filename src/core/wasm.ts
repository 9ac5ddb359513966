/**
 * As much of a WebAssembly assembler as loops over vectors need (specification 2.0, with its names). An instruction is a function of its operands that gives
 * bytes, so that code is written as folded WAT is: `i32x4.add(get(x), get(y))`.
 */
export type Code = readonly number[];
/** The number of a local variable. */
export type Local = number;

export const [I32, F32, F64, V128] = [0x7f, 0x7d, 0x7c, 0x7b] as const;
export type Type = typeof I32 | typeof F32 | typeof F64 | typeof V128;

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const instruction =
  (...opcode: number[]) =>
  (...operands: Code[]): Code => [...operands.flat(), ...opcode];
const vector = (opcode: number) => instruction(0xfd, ...unsigned(opcode));
/** At the address that the operand gives + `offset` bytes; `align` is a hint, as a power of two. */
const memory =
  (opcode: Code, align: number) =>
  (offset: number, ...operands: Code[]): Code => [...operands.flat(), ...opcode, align, ...unsigned(offset)];

export const get = (local: Local): Code => [0x20, ...unsigned(local)];
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: instruction(0x6a),
  sub: instruction(0x6b),
  and: instruction(0x71),
  xor: instruction(0x73),
  shl: instruction(0x74),
  shrU: instruction(0x76),
  eqz: instruction(0x45),
  ltS: instruction(0x48),
  ltU: instruction(0x49),
  store: memory([0x36], 2),
  store8: memory([0x3a], 0),
};
export const f32 = { const: (value: number): Code => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)], add: instruction(0x92) };
export const f64 = { add: instruction(0xa0) };
export const v128 = {
  const: (lanes: Int32Array | Float32Array | Float64Array): Code => [...vector(0x0c)(), ...new Uint8Array(lanes.buffer)],
  load: memory(vector(0x00)(), 4),
  load32Splat: memory(vector(0x09)(), 2),
  load64Splat: memory(vector(0x0a)(), 3),
  store: memory(vector(0x0b)(), 4),
  not: vector(0x4d),
  and: vector(0x4e),
  andnot: vector(0x4f),
  or: vector(0x50),
  xor: vector(0x51),
};
const i8x16 = { shuffle: (bytes: readonly number[], a: Code, b: Code): Code => [...vector(0x0d)(a, b), ...bytes] };
export const i32x4 = {
  splat: vector(0x11),
  add: vector(0xae),
  shl: vector(0xab),
  shrU: vector(0xad),
  allTrue: vector(0xa3),
  bitmask: vector(0xa4),
};
export const i64x2 = { sub: vector(0xd1) };
export const f32x4 = {
  splat: vector(0x13),
  extractLane: (lane: number, of: Code): Code => [...vector(0x1f)(of), lane],
  lt: vector(0x43),
  abs: vector(0xe0),
  sqrt: vector(0xe3),
  add: vector(0xe4),
  sub: vector(0xe5),
  mul: vector(0xe6),
  div: vector(0xe7),
  pmin: vector(0xea),
  convert: vector(0xfa),
};
export const f64x2 = {
  const: (value: number): Code => v128.const(Float64Array.of(value, value)),
  gt: vector(0x4a),
  add: vector(0xf0),
  sub: vector(0xf1),
  mul: vector(0xf2),
  pmin: vector(0xf6),
  pmax: vector(0xf7),
  extractLane: (lane: number, of: Code): Code => [...vector(0x21)(of), lane],
  /** Of the two low lanes of an i32x4. */
  convertLow: vector(0xfe),
  /** Of the two low lanes of an f32x4. */
  promoteLow: vector(0x5f),
};

/** Four of the eight 32-bit lanes of a and b, by their numbers. */
export const fourOf = (lanes: readonly number[], a: Code, b: Code): Code =>
  i8x16.shuffle(
    lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    a,
    b,
  );

/** for (i = 0; i < n; i += step) body, of which the first time is not asked for. */
export const loop = (i: Local, n: Local, step: number, body: readonly Code[]): Code => [
  ...set(i, i32.const(0)),
  ...[0x03, 0x40, ...body.flat(), ...set(i, i32.add(get(i), i32.const(step))), ...i32.ltS(get(i), get(n)), 0x0d, 0, 0x0b],
];

/** do body while (condition). */
export const repeatWhile = (condition: Code, body: readonly Code[]): Code => [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0, 0x0b];

/** if (condition) body. */
export const when = (condition: Code, body: readonly Code[]): Code => [...condition, 0x04, 0x40, ...body.flat(), 0x0b];

/** A function of the module. */
export interface Func {
  readonly parameters: readonly Type[];
  readonly results: readonly Type[];
  readonly locals: readonly Type[];
  readonly body: Code;
}

/** `write` gives the body: of the parameters' locals and of what makes further ones, which begin as zeros. */
export function func(
  parameters: readonly Type[],
  results: readonly Type[],
  write: (arguments_: readonly Local[], local: (type: Type) => Local) => readonly Code[],
): Func {
  const locals: Type[] = [];
  const local = (type: Type) => parameters.length + locals.push(type) - 1;
  const body = write([...parameters.keys()], local).flat();
  return { parameters, results, locals, body };
}

/** Memory that threads share; it may be sent to them. */
export interface SharedPages {
  readonly buffer: SharedArrayBuffer;
}

/** As much of the standard's interface as is used: TypeScript declares it for browsers alone. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedPages;
};

const PAGE = 65536;
/** Of 32-bit addresses. */
const MOST_PAGES = 65536;
const pagesFor = (bytes: number): number => Math.ceil(bytes / PAGE);

export function sharedPages(bytes: number): SharedPages {
  const pages = pagesFor(bytes);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** The exports of a module with these functions, and its memory of at least so many bytes. */
export function instantiate<Exports>(
  functions: Readonly<Record<string, Func>>,
  bytes: number,
): Exports & { memory: { buffer: ArrayBuffer } } {
  const own = section(5, [[0, ...unsigned(pagesFor(bytes))]]);
  const module = moduleOf(functions, { own, exports: [[...name('memory'), 2, 0]] });
  return new WebAssembly.Instance(module, {}).exports as ReturnType<typeof instantiate<Exports>>;
}

/** The exports of a module with these functions over shared memory. */
export function instantiateOver<Exports>(functions: Readonly<Record<string, Func>>, memory: SharedPages): Exports {
  const SHARED_WITH_MAXIMUM = 3;
  const imported = section(2, [[...name('threads'), ...name('memory'), 2, SHARED_WITH_MAXIMUM, ...unsigned(0), ...unsigned(MOST_PAGES)]]);
  return new WebAssembly.Instance(moduleOf(functions, { imported }), { threads: { memory } }).exports as Exports;
}

const sized = (content: Code): Code => [...unsigned(content.length), ...content];
const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(list(items))];
const name = (text: string): Code => sized([...new TextEncoder().encode(text)]);

/** A module that imports its memory or has its own, which it exports. */
function moduleOf(
  functions: Readonly<Record<string, Func>>,
  { imported = [], own = [], exports = [] }: { imported?: Code; own?: Code; exports?: readonly Code[] },
): object {
  const all = Object.values(functions);
  const signature = ({ parameters, results }: Func): Code => [0x60, ...sized(parameters), ...sized(results)];
  const body = ({ locals, body }: Func): Code => sized([...list(locals.map((type) => [1, type])), ...body, 0x0b]);
  const module = [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, all.map(signature)),
    ...imported,
    ...section(
      3,
      all.map((_, i) => [i]),
    ),
    ...own,
    ...section(7, [...exports, ...Object.keys(functions).map((key, i) => [...name(key), 0, i])]),
    ...section(10, all.map(body)),
  ];
  return new WebAssembly.Module(Uint8Array.from(module));
}
