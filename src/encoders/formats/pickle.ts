/**
 * A data-only reader of Python's pickle (protocols 0 to 5, PEP 3154 and CPython's pickletools): the subset that checkpoints of tensors need. Nothing is
 * executed: a name in the file stands for one of the constructors given, or the file is refused.
 */

/** What went wrong, in words; the caller names the file. */
export class PickleError extends Error {}

/** Makes a value of arguments. It may not touch anything but these. */
export type Constructor = (args: readonly unknown[]) => unknown;

export interface PickleOptions {
  /** By `module.name`. */
  readonly allowed: ReadonlyMap<string, Constructor>;
  /** What a persistent id stands for (torch: a storage). */
  readonly persistent: (id: unknown) => unknown;
}

/** A name that the pickle asks for; it becomes a value only by being called. */
export class Global {
  constructor(
    readonly name: string,
    readonly construct: Constructor,
  ) {}
}

/** An object whose content is of no interest. */
export class Opaque {
  constructor(readonly name: string) {}
}

const MARK = Symbol('mark');
const MOST_VALUES = 5_000_000;

/** The value of the pickle that begins at `offset`, and where it ends. Throws a PickleError for whatever is not plain data. */
export function readPickle(bytes: Buffer, options: PickleOptions, offset = 0): { value: unknown; end: number } {
  return new Machine(bytes, options, offset).run();
}

class Machine {
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private values = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly options: PickleOptions,
    private at: number,
  ) {}

  run(): { value: unknown; end: number } {
    for (;;) {
      const code = this.byte();
      if (code === 0x2e) return { value: this.pop(), end: this.at }; // STOP
      const operation = OPERATIONS[code];
      if (!operation) throw new PickleError(`opcode 0x${code.toString(16)} at byte ${this.at - 1}`);
      operation(this);
      if (++this.values > MOST_VALUES) throw new PickleError(`more than ${MOST_VALUES} operations`);
    }
  }

  // ---- bytes

  take(length: number): Buffer {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.bytes.length - this.at)
      throw new PickleError(`${length} bytes at byte ${this.at} of ${this.bytes.length}`);
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return part;
  }

  byte = (): number => this.take(1)[0]!;
  uint16 = (): number => this.take(2).readUInt16LE();
  uint32 = (): number => this.take(4).readUInt32LE();
  int32 = (): number => this.take(4).readInt32LE();
  uint64 = (): number => Number(this.take(8).readBigUInt64LE());
  text = (length: number): string => this.take(length).toString('utf8');

  /** Up to the next line end, without it. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleError(`no line end after byte ${this.at}`);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  // ---- stack

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    const value = this.peek();
    this.stack.pop();
    return value;
  }

  peek(): unknown {
    if (this.stack.length === 0 || this.stack.at(-1) === MARK) throw new PickleError(`nothing on the stack at byte ${this.at}`);
    return this.stack.at(-1);
  }

  mark(): void {
    this.stack.push(MARK);
  }

  /** All values above the last mark, which goes. */
  popToMark(): unknown[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError(`no mark on the stack at byte ${this.at}`);
    const values = this.stack.splice(mark);
    return values.slice(1);
  }

  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  store(index: number): void {
    this.memo.set(index, this.peek());
  }

  storeNext(): void {
    this.store(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleError(`memo ${index} is not set at byte ${this.at}`);
    this.push(this.memo.get(index));
  }

  // ---- objects

  global(module: string, name: string): void {
    const full = `${module.replace(/^__builtin__$/, 'builtins')}.${name}`; // Python 2's name, which protocol 2 keeps
    const construct = this.options.allowed.get(full);
    if (!construct) throw new PickleError(`it asks for ${full}`);
    this.push(new Global(full, construct));
  }

  /** callable(*args) of REDUCE, cls.__new__(cls, *args) of NEWOBJ: here the same. */
  call(): void {
    const args = this.pop();
    const called = this.pop();
    if (!(called instanceof Global)) throw new PickleError(`it calls what is no name at byte ${this.at}`);
    if (!Array.isArray(args)) throw new PickleError(`it calls ${called.name} with no tuple`);
    this.push(called.construct(args));
  }

  /** State for an object: kept by none of those allowed. */
  build(): void {
    this.pop();
    const target = this.peek();
    if (!(target instanceof Opaque || target instanceof Map))
      throw new PickleError(`it sets the state of what has none at byte ${this.at}`);
  }

  persistent(id: unknown): void {
    this.push(this.options.persistent(id));
  }

  append(values: readonly unknown[]): void {
    const list = this.peek();
    if (list instanceof Set) for (const value of values) list.add(value);
    else if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (!(list instanceof Opaque)) throw new PickleError(`it appends to what is no list at byte ${this.at}`);
  }

  setItems(pairs: readonly unknown[]): void {
    const map = this.peek();
    if (map instanceof Opaque) return;
    if (!(map instanceof Map) || pairs.length % 2 !== 0) throw new PickleError(`it sets items of what is no dictionary at byte ${this.at}`);
    for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i], pairs[i + 1]);
  }
}

/** A little-endian two's complement number of any length. */
function long(bytes: Buffer): number | bigint {
  if (bytes.length > 1024) throw new PickleError(`a whole number of ${bytes.length} bytes`);
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  if (bytes.length > 0 && bytes[bytes.length - 1]! & 0x80) value -= 1n << BigInt(8 * bytes.length);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Protocol 0's text of a number; 00 and 01 are its booleans. */
function number(text: string): number | boolean {
  if (text === '00' || text === '01') return text === '01';
  const value = Number(text.replace(/L$/, ''));
  if (text.trim() === '' || Number.isNaN(value)) throw new PickleError(`a number ${JSON.stringify(text.slice(0, 20))}`);
  return value;
}

/** Strings of protocol 0 and 1 are Latin-1 bytes in quotes, possibly escaped: names and nothing else in checkpoints. */
const quoted = (text: string): string => text.replace(/^(['"])(.*)\1$/s, '$2');

const OPERATIONS: Readonly<Record<number, (machine: Machine) => void>> = {
  128: (m) => m.byte(), // PROTO
  149: (m) => m.uint64(), // FRAME: its length is of no use to a reader of the whole
  40: (m) => m.mark(), // MARK
  48: (m) => m.pop(), // POP
  49: (m) => m.popToMark(), // POP_MARK
  50: (m) => m.push(m.peek()), // DUP
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  75: (m) => m.push(m.byte()), // BININT1
  77: (m) => m.push(m.uint16()), // BININT2
  74: (m) => m.push(m.int32()), // BININT
  73: (m) => m.push(number(m.line())), // INT
  76: (m) => m.push(number(m.line())), // LONG
  138: (m) => m.push(long(m.take(m.byte()))), // LONG1
  139: (m) => m.push(long(m.take(m.int32()))), // LONG4
  70: (m) => m.push(number(m.line())), // FLOAT
  71: (m) => m.push(m.take(8).readDoubleBE()), // BINFLOAT
  83: (m) => m.push(quoted(m.line())), // STRING
  84: (m) => m.push(m.take(m.int32()).toString('latin1')), // BINSTRING
  85: (m) => m.push(m.take(m.byte()).toString('latin1')), // SHORT_BINSTRING
  86: (m) => m.push(m.line()), // UNICODE
  140: (m) => m.push(m.text(m.byte())), // SHORT_BINUNICODE
  88: (m) => m.push(m.text(m.uint32())), // BINUNICODE
  141: (m) => m.push(m.text(m.uint64())), // BINUNICODE8
  67: (m) => m.push(m.take(m.byte())), // SHORT_BINBYTES
  66: (m) => m.push(m.take(m.uint32())), // BINBYTES
  142: (m) => m.push(m.take(m.uint64())), // BINBYTES8
  150: (m) => m.push(m.take(m.uint64())), // BYTEARRAY8
  93: (m) => m.push([]), // EMPTY_LIST
  108: (m) => m.push(m.popToMark()), // LIST
  97: (m) => m.append(m.popMany(1)), // APPEND
  101: (m) => m.append(m.popToMark()), // APPENDS
  41: (m) => m.push([]), // EMPTY_TUPLE
  116: (m) => m.push(m.popToMark()), // TUPLE
  133: (m) => m.push(m.popMany(1)), // TUPLE1
  134: (m) => m.push(m.popMany(2)), // TUPLE2
  135: (m) => m.push(m.popMany(3)), // TUPLE3
  125: (m) => m.push(new Map()), // EMPTY_DICT
  100: (m) => {
    const pairs = m.popToMark(); // DICT
    m.push(new Map());
    m.setItems(pairs);
  },
  115: (m) => m.setItems(m.popMany(2)), // SETITEM
  117: (m) => m.setItems(m.popToMark()), // SETITEMS
  143: (m) => m.push(new Set()), // EMPTY_SET
  144: (m) => m.append(m.popToMark()), // ADDITEMS
  145: (m) => m.push(new Set(m.popToMark())), // FROZENSET
  103: (m) => m.recall(Number(m.line())), // GET
  104: (m) => m.recall(m.byte()), // BINGET
  106: (m) => m.recall(m.uint32()), // LONG_BINGET
  112: (m) => m.store(Number(m.line())), // PUT
  113: (m) => m.store(m.byte()), // BINPUT
  114: (m) => m.store(m.uint32()), // LONG_BINPUT
  148: (m) => m.storeNext(), // MEMOIZE
  99: (m) => m.global(m.line(), m.line()), // GLOBAL
  147: (m) => {
    const [module, name] = m.popMany(2); // STACK_GLOBAL
    m.global(String(module), String(name));
  },
  82: (m) => m.call(), // REDUCE
  129: (m) => m.call(), // NEWOBJ
  98: (m) => m.build(), // BUILD
  80: (m) => m.persistent(m.line()), // PERSID
  81: (m) => m.persistent(m.pop()), // BINPERSID
};
