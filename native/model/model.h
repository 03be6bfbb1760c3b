// The decoder, written once over the ops: a list of parts, its forward, backward, update and decode step.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "head.h"
#include "layer.h"
#include "load.h"

namespace pr1 {

class Model {
 public:
  /// trains: float32 masters are kept, where matrices are not in blocks; else panels only, on devices that fill panels.
  Model(const ModelSpec& spec, Ops& ops, int cache_tokens, bool recompute, bool trains);
  ~Model();

  const ModelSpec& spec() const { return spec_; }
  const std::vector<Parameter>& parameters() const { return parameters_.list(); }

  /// Copies; reading a gradient or moment that was never allocated gives zeros.
  void read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const {
    parameters_.read(parameter, kind, to, offset, count);
  }
  void write(size_t parameter, Values kind, const float* from, size_t offset, size_t count);
  /// Rows of the blocks that the parameter is held in, as a file has them; false where a scale is not finite.
  bool write_blocks(size_t parameter, const uint8_t* rows);
  /// Fills parameters from files, see load.h; on devices that fill panels.
  int load(const std::vector<StoredTensor>& tensors);
  /// Without masters it decodes and scores.
  bool trains() const { return trains_; }
  /// Adds to the whole gradient of a parameter.
  void add_gradient(size_t parameter, const float* values);

  StepResult step(const Step& step);
  ForwardResult forward(std::shared_ptr<Batch> batch, bool keep, bool entropy);
  /// weights (T): dLoss/dLogprob of the kept forward; gradients accumulate.
  void backward(const std::vector<float>& weights);
  UpdateResult update(const UpdateOptions& options);
  MemoryPlan plan(double tokens) const;

  int64_t updates = 0;
  /// Set to stop a long call between layers (the process is going away).
  std::atomic<bool> cancelled{false};

 private:
  void pack();
  void prepare_training();
  void ensure_positions(const std::vector<int>& positions);
  void check_cancelled() const;
  bool finite(const float* x, int begin, int end) const;
  template <class Layers>
  int locate(const Layers& layers, int begin, int end) const;

  ModelSpec spec_;
  Ops& ops_;
  int cache_tokens_;
  bool recompute_, trains_;
  Parameters parameters_;
  std::vector<std::unique_ptr<RopeTable>> ropes_;
  Embedding embedding_;
  std::vector<Layer> layers_;
  Head head_;
  std::vector<Linear*> linears_;  // of all parts
  bool packed_ = false, training_ready_ = false;
  float *k_cache_ = nullptr, *v_cache_ = nullptr;

  Workspace work_;
  // Streams (layers + 1, T, hidden), or two that take turns; what layers leave for their backward; the stream's gradient; a
  // stream that recomputing writes and nobody reads.
  Buffer xs_, saved_, dx_, again_;

  // The last forward.
  std::shared_ptr<Batch> batch_;
  bool kept_ = false;
  Visibility visible_;
};

}  // namespace pr1
