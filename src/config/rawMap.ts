/** What a YAML file holds before it is checked. */
export type RawMap = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is RawMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The map at a key of its own; an empty one where there is none. */
export const mapAt = (map: RawMap, key: string): RawMap => (Object.hasOwn(map, key) && isMap(map[key]) ? map[key] : {});
