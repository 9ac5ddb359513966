/** The job alone. */
import type { Recipe } from './recipe.js';

export const contrastive = (): Recipe => ({ stages: [], does: 'train by contrast', parts: {} });
