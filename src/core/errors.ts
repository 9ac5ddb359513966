/** A mistake the user can mend: printed as one line without a stack, exit code 1. The message names the place, the value found, what was expected and what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** An error on its way to another thread or process, where it loses its class. */
export interface Failure {
  readonly message: string;
  readonly stack: string;
  readonly userError: boolean;
}

export const failureOf = (error: Error): Failure => ({
  message: error.message,
  stack: error.stack ?? '',
  userError: error instanceof UserError,
});

/** The error that a failure was, where it has come to. */
export const errorOf = ({ message, stack, userError }: Failure): Error =>
  userError ? new UserError(message) : Object.assign(new Error(message), { stack });

/** What an unknown thrown value says of itself, for embedding in a UserError. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
