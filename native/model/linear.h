// The two parts that hold most parameters: a linear layer and a norm.
#pragma once
#include <memory>

#include "parameters.h"

namespace pr1 {

class Adapter;

/// y (M, out) = x (M, in) Wᵀ + b, and what an adapter beside it adds. Several layers of one input are stacked into one product: q, k
/// and v, gate and up. Whoever changes what a linear layer is changes it here.
class Linear {
 public:
  /// Adds the weights one behind the other, then the biases, where there are some, and beside frozen weights their adapters.
  Linear(Parameters& parameters, Ops& ops, const std::vector<const LinearSpec*>& stacked);
  /// Over a matrix that is there already: a head tied to the embedding.
  Linear(Parameters& parameters, Ops& ops, size_t weight);
  ~Linear();
  Linear(Linear&& other) noexcept;
  Linear(const Linear&) = delete;

  int out() const { return matrix_.out; }
  int in() const { return matrix_.in; }
  const Matrix& matrix() const { return matrix_; }
  bool frozen() const { return parameters_->adapters() != nullptr; }

  /// After Parameters::allocate: the copy that products read, or the panels that are all there is.
  void allocate();
  /// After Parameters::allocate_training: gradients, and the copy that gradients of inputs read.
  void allocate_training();
  /// Fills the copies from the weights, where they are not all there is; after every change of those.
  void pack();
  /// The same for the copy of frozen weights that gradients of inputs read.
  void pack_frozen();
  /// Floats of the copies, and of those of adapters.
  double packed_floats(bool training) const;
  double adapter_packed_floats(bool training) const;

  /// residual (M, out) is added unless null; it may be y.
  void forward(float* y, const float* x, const float* residual, int M) const;
  /// dx (M, in) = dy W
  void backward_input(float* dx, const float* dy, int M) const;
  /// Gradients of weight and bias += from dy (M, out) and x (M, in).
  void backward_weight(const float* dy, const float* x, int M) const;

 private:
  /// The adapter, where there is one and it is on.
  const Adapter* adapter() const;

  Parameters* parameters_;
  Ops* ops_;
  std::unique_ptr<Adapter> adapter_;
  Matrix matrix_;
  std::vector<Blocks> blocks_;  // of the weights, one behind the other, where they are held so: then no more than sizes are in matrix_
  std::vector<size_t> weights_, biases_;  // parameters
};

/// RMSNorm of rows (T, C).
class Norm {
 public:
  /// Without a parameter in `spec` it is not there, and calling forward or backward is a mistake.
  Norm(Parameters& parameters, Ops& ops, const ParameterSpec& spec, const ModelSpec& model);

  bool there() const { return width_ > 0; }
  NormWeight weight() const;
  /// Null where it is not there.
  float* gradient() const { return there() ? parameters_->gradients(parameter_) : nullptr; }

  void forward(float* out, float* rstd, const float* x, const float* residual, int T) const {
    ops_->rmsnorm_forward(out, rstd, x, weight(), residual, T, width_);
  }
  void backward(float* dx, const float* dy, const float* x, const float* rstd, int T) const {
    ops_->rmsnorm_backward(dx, gradient(), dy, x, weight(), rstd, T, width_);
  }

 private:
  Parameters* parameters_;
  Ops* ops_;
  size_t parameter_ = 0;
  int width_ = 0;
  float offset_, eps_;
};

}  // namespace pr1
