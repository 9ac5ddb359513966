export async function resolveWeights(name: string, _options: unknown): Promise<{ folder: string }> {
  return { folder: name };
}
