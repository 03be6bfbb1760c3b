#include "linear.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "adapter.h"

namespace pr1 {

Linear::Linear(Parameters& parameters, Ops& ops, const std::vector<const LinearSpec*>& stacked)
    : parameters_(&parameters), ops_(&ops) {
  bool adapted = false;
  for (const LinearSpec* spec : stacked) {
    weights_.push_back(parameters.add(spec->weight));
    matrix_.out += spec->weight.shape[0];
    matrix_.in = spec->weight.shape[1];
    adapted |= spec->adapter.there();
  }
  parameters.align();
  for (const LinearSpec* spec : stacked) {
    if (spec->bias.there()) biases_.push_back(parameters.add(spec->bias));
  }
  parameters.align();
  if (adapted) adapter_ = std::make_unique<Adapter>(*parameters.adapters(), ops, stacked);
}

Linear::Linear(Parameters& parameters, Ops& ops, size_t weight) : parameters_(&parameters), ops_(&ops), weights_{weight} {
  matrix_.out = parameters.list()[weight].shape[0];
  matrix_.in = parameters.list()[weight].shape[1];
}

Linear::Linear(Linear&& other) noexcept
    : parameters_(other.parameters_), ops_(other.ops_), adapter_(std::move(other.adapter_)), matrix_(std::exchange(other.matrix_, Matrix{})),
      blocks_(std::move(other.blocks_)), weights_(std::move(other.weights_)), biases_(std::move(other.biases_)) {}

Linear::~Linear() {
  ops_->release(matrix_.forward);
  ops_->release(matrix_.backward);
}

void Linear::allocate() {
  if (adapter_) adapter_->allocate();
  for (size_t weight : weights_) {
    if (const auto& blocks = parameters_->list()[weight].blocks) blocks_.push_back(*blocks);
  }
  if (!blocks_.empty()) return;
  matrix_.forward = ops_->allocate(ops_->forward_floats(matrix_.out, matrix_.in));
  if (!parameters_->list()[weights_[0]].panels) {
    matrix_.weight = parameters_->weights(weights_[0]);
    return;
  }
  int first = 0;
  for (size_t weight : weights_) {
    parameters_->hold(weight, matrix_, first);
    first += parameters_->list()[weight].rows();
  }
}

void Linear::allocate_training() {
  matrix_.gradient = parameters_->gradients(weights_[0]);
  if (!matrix_.backward) matrix_.backward = ops_->allocate(ops_->backward_floats(matrix_.out, matrix_.in));
  if (adapter_) adapter_->allocate_training();
}

void Linear::pack() {
  if (matrix_.weight) ops_->pack(matrix_);
  if (adapter_) adapter_->pack();
}

void Linear::pack_frozen() {
  constexpr int kChunk = 256;
  std::vector<int> ids(kChunk);
  std::vector<float> rows(static_cast<size_t>(kChunk) * matrix_.in);
  for (int r = 0; r < matrix_.out; r += kChunk) {
    const int end = std::min(r + kChunk, matrix_.out);
    int first = 0;
    for (size_t weight : weights_) {
      const int next = first + parameters_->list()[weight].rows(), from = std::max(r, first), to = std::min(end, next);
      if (from < to) {
        std::iota(ids.begin(), ids.begin() + (to - from), from - first);
        parameters_->read_rows(rows.data() + static_cast<size_t>(from - r) * matrix_.in, weight, ids.data(), to - from);
      }
      first = next;
    }
    ops_->fill_backward(matrix_, r, end - r, rows.data());
  }
}

double Linear::packed_floats(bool training) const {
  const double forward = blocks_.empty() ? static_cast<double>(ops_->forward_floats(matrix_.out, matrix_.in)) : 0;
  return training ? forward + static_cast<double>(ops_->backward_floats(matrix_.out, matrix_.in)) : forward;
}

double Linear::adapter_packed_floats(bool training) const { return adapter_ ? adapter_->packed_floats(training) : 0; }

const Adapter* Linear::adapter() const { return adapter_ && parameters_->adapters()->on ? adapter_.get() : nullptr; }

void Linear::forward(float* y, const float* x, const float* residual, int M) const {
  const float* bias = biases_.empty() ? nullptr : parameters_->weights(biases_[0]);
  if (blocks_.empty()) {
    ops_->linear_forward(y, x, matrix_, bias, residual, M);
  } else {
    ops_->blocks_forward(y, x, blocks_.data(), static_cast<int>(blocks_.size()), bias, residual, M);
  }
  if (const Adapter* beside = adapter()) beside->forward(y, x, M);
}

void Linear::backward_input(float* dx, const float* dy, int M) const {
  ops_->linear_backward_input(dx, dy, matrix_, M);
  if (const Adapter* beside = adapter()) beside->backward_input(dx, dy, M);
}

void Linear::backward_weight(const float* dy, const float* x, int M) const {
  if (const Adapter* beside = adapter()) beside->backward_weight(dy, x, M);
  if (frozen()) return;
  ops_->linear_backward_weight(matrix_, biases_.empty() ? nullptr : parameters_->gradients(biases_[0]), dy, x, M);
}

Norm::Norm(Parameters& parameters, Ops& ops, const ParameterSpec& spec, const ModelSpec& model)
    : parameters_(&parameters), ops_(&ops), offset_(model.norm_offset), eps_(model.norm_eps) {
  if (!spec.there()) return;
  parameter_ = parameters.add(spec);
  width_ = spec.shape[0];
  parameters.align();
}

NormWeight Norm::weight() const {
  if (!there()) return {};
  return {parameters_->weights(parameter_), offset_, eps_};
}

}  // namespace pr1
