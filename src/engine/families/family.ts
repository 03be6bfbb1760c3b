import type { JsonObject } from '../../json.ts'
import type { ModelConfig } from '../model-config.ts'
import type { ModelSpec } from '../spec.ts'
import type { Keys } from './keys.ts'

export type SizeField = 'vocabSize' | 'hiddenSize' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'intermediateSize' | 'maxPositions'

export type Sizes = Pick<ModelConfig, SizeField>

/**
 * A family of checkpoints: everything that is its own, in one file. Sizes, `rms_norm_eps`, `tie_word_embeddings`,
 * `architectures` and `quantization_config` are read, checked and written for all of them in checkpoint/config.ts.
 */
export interface FamilyDefinition {
  /** The causal language model's class, as `architectures` names it. */
  architecture: string
  /** What transformers takes where `config.json` leaves a key out and it is not what is taken for every family. */
  defaults?: JsonObject
  /**
   * The rest of a `config.json`. Whatever changes the arithmetic and is not computed is refused by name: a model that loads
   * and answers wrongly is worse than one that does not load.
   * @throws CheckpointError naming key, expected and found
   */
  read(keys: Keys, sizes: Sizes): Omit<ModelConfig, SizeField | 'family' | 'rmsNormEps' | 'tiedEmbeddings'>
  /** The keys of `config.json` that `read` looks at, in the spelling of transformers 4. */
  write(config: ModelConfig): JsonObject
  spec(config: ModelConfig): ModelSpec
}
