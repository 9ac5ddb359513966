/** A mistake the user can mend: printed as one line without a stack, exit code 1. The message names the place, the value found, what was expected and what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** What an unknown thrown value says of itself, for embedding in a UserError. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
