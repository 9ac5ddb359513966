/** The one place that imports TensorFlow.js (the root package, which registers the gradients); every other room takes `tf` from here. */
import * as tf from '@tensorflow/tfjs';

// The cpu backend's first tensor prints an advertisement for tfjs-node; selectBackend already chose knowing of it.
(tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;

export { tf };
