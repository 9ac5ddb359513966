/** What the process that refreshes and the job that asked it say to each other. */
import type { Failure } from '../../core/errors.js';

export interface RefreshRequest {
  /** Of the checkpoint whose weights encode. */
  readonly step: number;
}

export type RefreshReply =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'begin'; readonly phase: number; readonly name: string; readonly total: number; readonly unit: string }
  | { readonly kind: 'update'; readonly phase: number; readonly done: number }
  | { readonly kind: 'end'; readonly phase: number; readonly summary?: string | undefined }
  | { readonly kind: 'done' }
  | ({ readonly kind: 'failed' } & Failure);
