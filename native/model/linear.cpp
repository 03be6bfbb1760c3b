#include "linear.h"

#include <utility>

namespace pr1 {

Linear::Linear(Parameters& parameters, Ops& ops, std::initializer_list<const LinearSpec*> stacked)
    : parameters_(&parameters), ops_(&ops) {
  bool first = true;
  for (const LinearSpec* spec : stacked) {
    const size_t at = parameters.add(spec->weight);
    if (first) weight_at_ = at;
    first = false;
    matrix_.out += spec->weight.shape[0];
    matrix_.in = spec->weight.shape[1];
  }
  parameters.align();
  first = true;
  for (const LinearSpec* spec : stacked) {
    if (!spec->bias.there()) continue;
    const size_t at = parameters.add(spec->bias);
    if (first) bias_at_ = at;
    first = false;
    biased_ = true;
  }
  parameters.align();
}

Linear::Linear(Parameters& parameters, Ops& ops, size_t weight, int out, int in)
    : parameters_(&parameters), ops_(&ops), weight_at_(weight) {
  matrix_.out = out;
  matrix_.in = in;
}

Linear::Linear(Linear&& other) noexcept
    : parameters_(other.parameters_), ops_(other.ops_), matrix_(std::exchange(other.matrix_, Matrix{})),
      weight_at_(other.weight_at_), bias_at_(other.bias_at_), biased_(other.biased_) {}

Linear::~Linear() {
  ops_->release(matrix_.forward);
  ops_->release(matrix_.backward);
}

void Linear::allocate() {
  matrix_.weight = parameters_->weights() + weight_at_;
  matrix_.forward = ops_->allocate(ops_->forward_floats(matrix_.out, matrix_.in));
}

void Linear::allocate_training() {
  matrix_.gradient = parameters_->gradients() + weight_at_;
  if (!matrix_.backward) matrix_.backward = ops_->allocate(ops_->backward_floats(matrix_.out, matrix_.in));
}

double Linear::packed_floats(bool training) const {
  const double forward = static_cast<double>(ops_->forward_floats(matrix_.out, matrix_.in));
  return training ? forward + static_cast<double>(ops_->backward_floats(matrix_.out, matrix_.in)) : forward;
}

void Linear::forward(float* y, const float* x, const float* residual, int M) const {
  ops_->linear_forward(y, x, matrix_, biased_ ? parameters_->weights() + bias_at_ : nullptr, residual, M);
}

void Linear::backward_input(float* dx, const float* dy, int M) const { ops_->linear_backward_input(dx, dy, matrix_, M); }

void Linear::backward_weight(const float* dy, const float* x, int M) const {
  ops_->linear_backward_weight(matrix_, biased_ ? parameters_->gradients() + bias_at_ : nullptr, dy, x, M);
}

Norm::Norm(Parameters& parameters, Ops& ops, const ParameterSpec& spec, const ModelSpec& model)
    : parameters_(&parameters), ops_(&ops), offset_(model.norm_offset), eps_(model.norm_eps) {
  if (!spec.there()) return;
  at_ = parameters.add(spec);
  width_ = spec.shape[0];
  parameters.align();
}

NormWeight Norm::weight() const {
  if (!there()) return {};
  return {parameters_->weights() + at_, offset_, eps_};
}

}  // namespace pr1
