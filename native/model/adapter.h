// Low-rank adapters beside weights that stay as they are (LoRA, arXiv 2106.09685, eq. 3): y = W x + scale · B A x, A (rank, in),
// B (out, rank). And rows of the embedding that train in the place of its own.
#pragma once
#include "buffer.h"
#include "linear.h"

namespace pr1 {

/// The parameters of all adapters of a model, float32, and the work space that they share.
struct Adapters {
  explicit Adapters(Ops& ops) : parameters(ops, true), u(ops), du(ops), part(ops), rows(ops) {}
  Parameters parameters;
  bool on = true;  // false: what the frozen weights alone give
  int widest = 0;  // ranks of a stack, the most
  Buffer u, du;    // (M, ranks of a stack): A x and its gradient
  Buffer part;     // (M, rank) of one layer
  Buffer rows;     // (M, hidden) of tokens with rows of their own, or (M, tokens) of logits
  // Whose gradient du is that is still to be used, and by which of the two that need it.
  const Adapter* pending = nullptr;
  bool pending_for_input = false;
};

/// Beside a stack of linear layers: each that has one adds to its own columns of y.
class Adapter {
 public:
  Adapter(Adapters& all, Ops& ops, const std::vector<const LinearSpec*>& stacked);

  void allocate();
  void allocate_training();
  void pack();
  double packed_floats(bool training) const;

  /// y (M, out) += scale · B A x
  void forward(float* y, const float* x, int M) const;
  /// dx (M, in) += scale · Aᵀ Bᵀ dy
  void backward_input(float* dx, const float* dy, int M) const;
  /// Gradients of A and B += from dy (M, out) and x (M, in).
  void backward_weight(const float* dy, const float* x, int M) const;

 private:
  struct Part {
    Linear b;
    float scale;
    int column, first;  // of y, of u
  };
  /// part (M, rank) = scale · columns of u
  const float* scaled(const Part& part, int M) const;
  /// du = gradient of A x, from dy. The first of the two calls for one dy computes it, and the other one takes it.
  const float* inner_gradient(const float* dy, int M, bool for_input) const;

  Adapters& all_;
  Ops& ops_;
  int out_ = 0;
  std::vector<LinearSpec> a_specs_;
  Linear a_;  // of all parts, one behind the other
  std::vector<Part> parts_;
};

/// Rows of the embedding for some ids, which are looked up, and multiplied by a head tied to it, in the place of its own.
class TokenRows {
 public:
  TokenRows(Adapters& all, Ops& ops, const TokenRowsSpec& spec);

  Linear& linear() { return linear_; }
  /// Rows of x (T, hidden) whose ids are among them = scale · row.
  void forward(float* x, const int* ids, float scale, int T) const;
  /// Their gradients += from dx (T, hidden).
  void backward(const float* dx, const int* ids, float scale, int T) const;

  /// Their columns of logits (M, vocab), of the head's input x (M, hidden).
  void logits(float* logits, int vocab, const float* x, int M) const;
  /// Takes their columns out of dlogits, which become 0; gradients of the rows += from x. Then `add_input`.
  void logits_backward(float* dlogits, int vocab, const float* x, int M) const;
  /// dx (M, hidden) += what those columns give.
  void add_input(float* dx, int M) const;

 private:
  /// Which tokens of a batch have rows, and which rows.
  struct Found {
    std::vector<int> tokens, rows;
  };
  Found find(const int* ids, int T) const;
  int count() const { return static_cast<int>(ids_.size()); }

  Adapters& all_;
  Ops& ops_;
  std::vector<int> ids_;
  size_t parameter_ = 0;
  Linear linear_;
};

}  // namespace pr1
