import type { CommandModule } from 'yargs';
import type { Precision } from '../encoders/onnx/portableModel.js';

interface ExportArguments {
  model: string;
  to: string;
  onnx: string[];
}

export const exportVerb: CommandModule<object, ExportArguments> = {
  command: 'export <model> <to>',
  describe: 'Write a model for other libraries, ONNX too',
  builder: (yargs) =>
    yargs
      .positional('model', { type: 'string', demandOption: true, describe: 'Job, model folder or hub id' })
      .positional('to', { type: 'string', demandOption: true, describe: 'The new folder' })
      .option('onnx', {
        type: 'string',
        array: true,
        requiresArg: true,
        default: [] as string[],
        describe: 'Also fp32, fp16 or int8; repeatable',
      })
      .check(({ onnx }) => {
        const unknown = onnx.find((one) => !['fp32', 'fp16', 'int8'].includes(one));
        return unknown === undefined || `--onnx is ${unknown}; expected fp32, fp16 or int8`;
      })
      .example('simans export jobs/quickstart my-model', '')
      .example('simans export jobs/quickstart my-model --onnx fp32 --onnx int8', ''),
  handler: async ({ model: name, to, onnx }) => {
    const { createTerminalReporter } = await import('../report/terminal.js');
    const { exportModel } = await import('../encoders/modelFolder.js');
    await exportModel(name, to, onnx as Precision[], createTerminalReporter());
    console.log(`${to}: written${onnx.length > 0 ? `, with ONNX ${onnx.join(', ')}` : ''}`);
  },
};
