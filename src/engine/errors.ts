/** Base of this package's errors: what is wrong, the value got, the next step. */
export class ParallelR1Error extends Error {
  override name = 'ParallelR1Error'
}

/** A checkpoint folder that cannot be read: the message names file, tensor, expected and found. */
export class CheckpointError extends ParallelR1Error {
  override name = 'CheckpointError'
}

/** An option or configuration value that is wrong or unknown. */
export class ConfigError extends ParallelR1Error {
  override name = 'ConfigError'
}

/** The KV cache cannot hold the tokens of a step; nothing was changed. */
export class CacheFullError extends ParallelR1Error {
  override name = 'CacheFullError'
}

/** Logits that are NaN or infinite: the message names checkpoint, layer and request. Nothing is drawn from them. */
export class NonFiniteError extends ParallelR1Error {
  override name = 'NonFiniteError'
}

/** This device or precision is not available here. */
export class UnavailableError extends ParallelR1Error {
  override name = 'UnavailableError'
}

/** The device cannot hold what a call needs; the model is as it was before, and smaller calls go on. */
export class OutOfMemoryError extends ParallelR1Error {
  override name = 'OutOfMemoryError'
}

/** What a model without float32 weights answers to everything that trains. */
export class NoTrainingError extends UnavailableError {
  constructor(
    message = 'A model with weights in blocks (precision: int8 or int4, or a GGUF file) decodes and scores, it does not train. Use precision: bf16 or f32 to train.',
  ) {
    super(message)
  }

  static loadedToDecode(): NoTrainingError {
    return new NoTrainingError(
      'This model was loaded to decode and score. Its weights are held only as products read them, and it does not train. Load it with train: true.',
    )
  }
}

/** What a device answers that keeps no adapters apart from the weights. */
export class NoAdaptersError extends UnavailableError {
  constructor(device: string) {
    super(
      `Adapters beside frozen weights are available on device: cpu only. Got device: ${device}. Use device: cpu, or merge the adapters into the weights.`,
    )
  }
}
