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
  /// trains: float32 masters are kept, where matrices are not in blocks; else panels only, on devices that fill panels. With adapters
  /// those train, and everything else is held as a model that does not train holds it.
  Model(const ModelSpec& spec, Ops& ops, int cache_tokens, bool recompute, bool trains, MomentType moments = MomentType::f32);
  ~Model();

  const ModelSpec& spec() const { return spec_; }
  /// Those of the spec, then those of its adapters.
  size_t parameter_count() const { return frozen_count() + trained().list().size(); }
  const Parameter& parameter(size_t i) const { return owner(i).list()[i - first_of(i)]; }
  /// The first so many are those of the spec.
  size_t loadable_count() const { return parameters_.list().size(); }
  /// Whether it is one that adapters keep from training.
  bool frozen(size_t parameter) const { return parameter < frozen_count(); }

  /// Copies; reading a gradient or moment that was never allocated gives zeros.
  void read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const {
    owner(parameter).read(parameter - first_of(parameter), kind, to, offset, count);
  }
  /// out (n, width) = rows `ids` of a matrix
  void read_rows(size_t parameter, const int* ids, int n, float* out) const {
    owner(parameter).read_rows(out, parameter - first_of(parameter), ids, n);
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
  /// base: without the adapters.
  ForwardResult forward(std::shared_ptr<Batch> batch, bool keep, bool entropy, bool base = false);
  /// weights (T): dLoss/dLogprob of the kept forward; gradients accumulate. entropy_weights (T): dLoss/dEntropy, of a forward that gave entropies.
  /// Goes down `layers` layers at most. Returns how many are left, whose gradients backward_on adds, with that of the embedding.
  size_t backward(const std::vector<float>& weights, const std::vector<float>* entropy_weights = nullptr, size_t layers = SIZE_MAX);
  /// Goes on with the backward that left some: nothing but reads and writes of gradients may have come between.
  size_t backward_on(size_t layers);
  UpdateResult update(const UpdateOptions& options);
  MemoryPlan plan(double tokens) const;

  int64_t updates = 0;
  /// Set to stop a long call between layers (the process is going away).
  std::atomic<bool> cancelled{false};

 private:
  void pack();
  void prepare_training();
  Parameters& trained() { return adapters_ ? adapters_->parameters : parameters_; }
  const Parameters& trained() const { return adapters_ ? adapters_->parameters : parameters_; }
  size_t frozen_count() const { return adapters_ ? parameters_.list().size() : 0; }
  const Parameters& owner(size_t parameter) const { return frozen(parameter) ? parameters_ : trained(); }
  size_t first_of(size_t parameter) const { return frozen(parameter) ? 0 : frozen_count(); }
  void ensure_positions(const std::vector<int>& positions);
  void check_cancelled() const;
  /// Those rows that may stand for the tokens: all of the batch, where the device computes no others.
  TokenList computed(const TokenList& tokens) const;
  bool finite(const float* x, int begin, int end) const;
  template <class Layers>
  int locate(const Layers& layers, int begin, int end) const;

  ModelSpec spec_;
  Ops& ops_;
  int cache_tokens_;
  bool recompute_, trains_;
  std::unique_ptr<Adapters> adapters_;
  Parameters parameters_;
  std::vector<std::unique_ptr<RopeTable>> ropes_;
  Embedding embedding_;
  std::vector<Layer> layers_;
  Head head_;
  std::vector<Linear*> linears_;  // of all parts
  bool packed_ = false, frozen_packed_ = false, training_ready_ = false;
  float *k_cache_ = nullptr, *v_cache_ = nullptr;

  Workspace work_;
  // Streams (layers + 1, T, hidden), or two that take turns; what layers leave for their backward; the stream's gradient; a
  // stream that recomputing writes and nobody reads.
  Buffer xs_, saved_, dx_, again_;

  // The last forward.
  std::shared_ptr<Batch> batch_;
  bool kept_ = false;
  TokenList ends_;            // tokens that the last layer gave, one behind the other
  size_t backward_left_ = 0;  // layers, of a backward that has begun on it
  TokenList reached_;         // tokens that its gradient has reached
  Visibility visible_;
};

}  // namespace pr1
