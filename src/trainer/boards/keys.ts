/** The keys of train.yaml for boards. All are off unless the file says otherwise. */

import { flag, key } from '../../config/table.ts'

export const boardKeys = {
  tensorboard: key(
    flag().default(false),
    'event files for TensorBoard in the folder `tensorboard` of the run: [Training](train.md#boards)',
    {
      change: 'free',
    },
  ),
}

/** Folders of the run that boards write into. */
export const boardFolders = ({ tensorboard }: { tensorboard: boolean }): string[] => (tensorboard ? ['tensorboard'] : [])
