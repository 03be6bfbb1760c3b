/** The keys of train.yaml for boards. All are off unless the file says otherwise. */

import { flag, key, text } from '../../config/table.ts'

export const boardKeys = {
  tensorboard: key(
    flag().default(false),
    'whether event files for TensorBoard are written, in the folder `tensorboard` of the run: [A run](runs.md#boards)',
    { change: 'free' },
  ),
  wandb: key(
    text().optional(),
    'project of an offline run of Weights & Biases, in the folder `wandb` of the run: [A run](runs.md#boards)',
    { absent: 'none is written', change: 'free' },
  ),
}

/** Folders of the run that boards write into. */
export const boardFolders = ({ tensorboard, wandb }: { tensorboard: boolean; wandb?: string }): string[] => [
  ...(tensorboard ? ['tensorboard'] : []),
  ...(wandb === undefined ? [] : ['wandb']),
]
