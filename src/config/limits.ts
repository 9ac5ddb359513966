/** Bounds that keys of a job file and flags of the command share. */

/** Of a query and a passage as one sequence: a token beside the special ones, of which RoBERTa's family has most. */
export const LEAST_PAIR_TOKENS = 5;
