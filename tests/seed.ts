/** Property tests draw the same cases on every run: a failure is a change of the code, not of luck. */
import fc from 'fast-check';

fc.configureGlobal({ seed: 20221 });
