/** A thread of streaming.ts. */
import { selectBackend } from '../backend/index.js';
import { StoredVectors } from './storedVectors.js';
import { type SearchTask, searchParts } from './streaming.js';
import { serve } from './threadPool.js';

serve(async (task: SearchTask) => {
  await selectBackend(task.backend);
  await searchParts(task, new StoredVectors(task.folder, 'passage'));
});
