// The decoder, written once over the ops: parameters, forward, backward, update, decode step.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops.h"

namespace pr1 {

/// Slots a page of the KV cache, handed out in src/engine/sequences.ts.
constexpr int kPage = 16;

struct ModelConfig {
  int vocab, hidden, layers, heads, kv_heads, head_dim, intermediate, max_positions;
  float eps;
  double rope_theta;
  bool llama3;
  double rope_factor, rope_low, rope_high;
  int rope_original;
  bool tied, qkv_bias, qk_norm;
  Heads attention() const { return {heads, kv_heads, head_dim}; }
};

struct Parameter {
  std::string name;
  std::vector<int> shape;
  size_t offset, count;  // in the flat arrays of weights, gradients and moments
};

/// Packed training sequences; see TrainBatch in src/engine/types.ts.
struct Batch {
  int T = 0, hidden_levels = 0;
  std::vector<int> ids, positions, bounds, hidden, exclusion;
  std::vector<uint8_t> targets;  // empty: everywhere
  std::vector<std::vector<int>> exclusion_sets;
  float temperature = 1.0f;
};

struct ForwardResult {
  std::vector<float> logprobs, entropies;
};

/// New tokens of several sequences, with the cache slots they take and what each of them sees.
struct Step {
  std::vector<int> ids, positions, slots;
  std::vector<std::vector<Run>> runs;  // one list an input
  std::vector<Query> queries;          // one a token
  std::vector<int> rows;               // the last token of each input that samples
  std::vector<SamplingRow> sampling;   // one an entry of rows
  std::vector<std::vector<int>> excluded;
};

struct StepResult {
  std::vector<int> ids;
  std::vector<float> logprobs;
};

struct UpdateOptions {
  double lr, beta1, beta2, eps, weight_decay, clip;
};

struct UpdateResult {
  double grad_norm;
  bool skipped;
};

struct MemoryPlan {
  double weights, gradients, moments, cache, activations;
};

/// A buffer on the device that only grows.
class Buffer {
 public:
  explicit Buffer(Ops& ops) : ops_(&ops) {}
  ~Buffer() { ops_->release(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* get(size_t floats);
  float* data() const { return data_; }
  void clear();

 private:
  Ops* ops_;
  float* data_ = nullptr;
  size_t size_ = 0;
};

class Model {
 public:
  Model(const ModelConfig& config, Ops& ops, int cache_tokens, bool recompute);
  ~Model();

  const ModelConfig& config() const { return config_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  size_t parameter_count() const;

  enum class Kind { weight, gradient, moment1, moment2 };
  /// Copies; reading a gradient or moment that was never allocated gives zeros.
  void read(size_t parameter, Kind kind, float* to, size_t offset, size_t count) const;
  void write(size_t parameter, Kind kind, const float* from, size_t offset, size_t count);
  /// gradient += values, one float32 sum an entry.
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
  struct Layer {
    Matrix qkv, o, gate_up, down;
    float *qkv_bias, *q_norm, *k_norm, *norm1, *norm2;                          // weights
    float *d_qkv_bias, *d_q_norm, *d_k_norm, *d_norm1, *d_norm2;                // gradients
    size_t at_qkv_bias, at_q_norm, at_k_norm, at_norm1, at_norm2;               // offsets
  };
  /// What one layer's forward leaves for its backward.
  struct Saved {
    float *rstd1, *raw, *qkv, *att, *lse, *x2, *rstd2, *gate_up;
  };
  struct Keys {
    const float *k, *v;
    int stride;
  };

  size_t add_parameter(const std::string& name, std::vector<int> shape);
  void align_parameters();
  void release_memory();
  void lay_out_parameters();
  void bind_gradients();
  void prepare();
  void prepare_training();
  float* values(Kind kind) const;
  void ensure_positions(int last);
  void check_cancelled() const;

  size_t saved_floats() const;
  Saved saved_at(float* base, int T) const;
  void layer_forward(int l, const float* x, float* out, int T, const int* positions, const Saved& s,
                     const Query* queries, const int* slots);
  void layer_backward(int l, const float* x, float* dx, int T, const Saved& s);
  void build_queries(const Batch& batch);
  template <class F>
  void head_chunks(const std::vector<int>& rows, F&& body);

  ModelConfig config_;
  Ops& ops_;
  int cache_tokens_;
  bool recompute_;
  std::vector<Parameter> parameters_;
  size_t total_ = 0;
  float *weights_ = nullptr, *gradients_ = nullptr, *moment1_ = nullptr, *moment2_ = nullptr;
  std::vector<Layer> layers_;
  Matrix embedding_, head_;
  size_t at_norm_ = 0;
  bool packed_ = false, training_ready_ = false;
  std::vector<float*> panels_;
  float *k_cache_ = nullptr, *v_cache_ = nullptr;

  Buffer cos_, sin_;
  int positions_ready_ = 0;
  // Activations kept for backward, and work space.
  Buffer xs_, saved_, norm_rstd_, x_, h_, act_, dx_, dh_, dqkv_, datt_, dgate_up_, head_rows_, logits_, dhead_;

  // The last forward.
  std::shared_ptr<Batch> batch_;
  bool kept_ = false;
  std::vector<Run> runs_;
  std::vector<Query> queries_;
  std::vector<float> lse_;  // (T)
};

}  // namespace pr1
