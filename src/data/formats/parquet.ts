/** Parquet files, row group by row group. */
import { messageOf, UserError } from '../../core/errors.js';

/** Rows as objects by column name. Throws a UserError naming a file that cannot be read. */
export async function* parquetRows(file: string): AsyncGenerator<Readonly<Record<string, unknown>>> {
  // Imported only here: few data sets need it.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      yield* await parquetReadObjects({ file: buffer, metadata, rowStart, rowEnd, compressors });
      rowStart = rowEnd;
    }
  } catch (error) {
    throw new UserError(`${file}: found unreadable data (${messageOf(error)}); expected a whole Parquet file; get it again.`);
  }
}
