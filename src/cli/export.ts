import type { CommandModule } from 'yargs';

interface ExportArguments {
  model: string;
  to: string;
  onnx: ('fp32' | 'fp16' | 'int8')[];
}

export const exportVerb: CommandModule<object, ExportArguments> = {
  command: 'export <model> <to>',
  describe: 'Write a model for sentence-transformers, transformers.js and onnxruntime',
  builder: (yargs) =>
    yargs
      .positional('model', { type: 'string', demandOption: true, describe: 'A job’s folder, a model’s folder, or a hub id' })
      .positional('to', { type: 'string', demandOption: true, describe: 'The new folder' })
      .option('onnx', {
        choices: ['fp32', 'fp16', 'int8'] as const,
        array: true,
        requiresArg: true,
        default: [] as ('fp32' | 'fp16' | 'int8')[],
        describe: 'ONNX models to write too; may be repeated',
      })
      .example('simans export jobs/quickstart my-model', '')
      .example('simans export jobs/quickstart my-model --onnx fp32 --onnx int8', ''),
  handler: async ({ model: name, to, onnx }) => {
    const { createTerminalReporter } = await import('../report/terminal.js');
    const { exportModel } = await import('../encoders/modelFolder.js');
    await exportModel(name, to, onnx, createTerminalReporter());
    console.log(`${to}: written${onnx.length > 0 ? `, with ONNX ${onnx.join(', ')}` : ''}`);
  },
};
