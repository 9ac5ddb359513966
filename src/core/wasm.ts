/** WebAssembly assembled here, instruction by instruction: for the few inner loops that want its vector instructions and that no library has. */

/** Value types and opcodes of the WebAssembly specification 2.0. */
export const I32 = 0x7f;
export const V128 = 0x7b;
export const get = (local: number): number[] => [0x20, local];
export const set = (local: number): number[] => [0x21, local];
export const int = (value: number): number[] => [0x41, ...signed(value)];
export const vector = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
/** Repeats the body while it leaves an i32 other than 0. */
export const repeatWhile = (...body: readonly number[][]): number[] => [0x03, 0x40, ...body.flat(), 0x0d, 0, 0x0b];
/** Runs the body where the i32 before it is other than 0. */
export const when = (...body: readonly number[][]): number[] => [0x04, 0x40, ...body.flat(), 0x0b];

/** LEB128. */
export function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

/** A function of i32 parameters; its locals lie behind them: whole numbers, then vectors. */
export interface WasmFunction {
  readonly parameters: number;
  readonly results: 0 | 1;
  readonly integers: number;
  readonly vectors: number;
  readonly body: readonly number[];
}

/** As much of the standard's interface as is used: TypeScript declares it for browsers alone. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer }; run(...given: number[]): number } };
};

/** The function, and its memory of `bytes`, rounded up to pages, which never grows. */
export function instantiate(wasm: WasmFunction, bytes: number): { memory: ArrayBuffer; run(...given: number[]): number } {
  const { memory, run } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes(wasm, Math.ceil(bytes / 65_536)))).exports;
  return { memory: memory.buffer, run };
}

function moduleBytes({ parameters, results, integers, vectors, body }: WasmFunction, pages: number): Uint8Array {
  const section = (id: number, content: readonly number[]) => [id, ...unsigned(content.length), ...content];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const types = Array<number>(parameters).fill(I32);
  const code = [2, integers, I32, vectors, V128, ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...types, ...(results === 1 ? [1, I32] : [0])]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('run'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}
