// Both ends of a model: the table that ids come in by, and the norm and matrix that logits come out of. A head may be the
// table's own matrix.
#pragma once
#include <functional>

#include "adapter.h"
#include "batch.h"

namespace pr1 {

class Embedding {
 public:
  Embedding(Parameters& parameters, Ops& ops, const ModelSpec& model);
  ~Embedding();
  Embedding(const Embedding&) = delete;
  size_t parameter() const { return parameter_; }
  /// Rows that train in the place of its own; null: none, or they are off.
  TokenRows* token_rows() const;
  template <class F>
  void each_linear(F&& body) {
    if (token_rows_) body(token_rows_->linear());
  }
  /// After every Linear::allocate: panels of its own, where it has no array and no head shares its panels.
  void allocate();
  /// Floats of those.
  double packed_floats() const;
  /// x (T, hidden)
  void forward(float* x, const int* ids, int T) const;
  void backward(const float* dx, const int* ids, int T) const;

 private:
  Parameters& parameters_;
  Ops& ops_;
  size_t parameter_;
  std::unique_ptr<TokenRows> token_rows_;
  int vocab_, hidden_;
  float scale_;
  float* panels_ = nullptr;  // its own
};

class Head {
 public:
  Head(Parameters& parameters, Ops& ops, const ModelSpec& model, const Embedding& embedding);

  Linear& linear() { return linear_; }
  const Linear& linear() const { return linear_; }
  /// Logits exist for so many rows at a time.
  int most_rows() const { return ops_.head_rows(linear_.out()); }
  /// Called between chunks of rows; may throw.
  std::function<void()> between = [] {};

  /// Tokens whose next one is scored: all but the last of each sequence, those in `targets`, those with a weight. weights (T), null: any.
  static TokenList target_rows(const Batch& batch, const std::vector<float>* weights, const std::vector<float>* entropy_weights);
  /// Log-probabilities (and entropies) of the next ids after the tokens `rows`, x (…, hidden), for the batch's targets, which are among
  /// them. Names a token at fault only.
  ForwardResult score(const float* x, const TokenList& rows, const Batch& batch, bool entropy, Workspace& w);
  /// dx (T, hidden) = gradient of x from weights (T), dLoss/dLogprob of what `score` gave; gradients of norm and matrix += …. reach: tokens
  /// that have one, and where x has them. entropy_weights (T), dLoss/dEntropy, may be null; else `score` was asked for entropies.
  void score_backward(float* dx, const float* x, const TokenList& reach, const TokenList& at, const Batch& batch,
                      const std::vector<float>& weights, const std::vector<float>* entropy_weights, Workspace& w);
  /// Draws the next ids after the step's rows of x (T, hidden). Faults are marked; where they come from is not known here.
  StepResult sample(const float* x, const Step& step, Workspace& w);

 private:
  /// Settings of the rows of one chunk of logits, from a batch.
  struct Chunk {
    std::vector<int> targets, counts;
    std::vector<float> temperatures, lse, weights, entropy_weights, entropies;
    std::vector<const int*> excluded;
    void fill(const Batch& batch, const int* rows, int count);
  };
  template <class F>
  void chunks(const std::vector<int>& rows, F&& body);

  /// logits (count, vocab) of rows x (count, hidden)
  void project(float* logits, const float* x, int count) const;
  TokenRows* token_rows() const { return tied_ ? embedding_.token_rows() : nullptr; }

  Ops& ops_;
  const Embedding& embedding_;
  bool tied_;
  int hidden_;
  Norm norm_;
  Linear linear_;
  Buffer rstd_, rows_, drows_, logits_;
  std::vector<float> lse_, entropies_;  // (T) of the last score; no entropies where none were asked for
};

}  // namespace pr1
