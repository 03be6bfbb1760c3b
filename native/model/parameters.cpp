#include "parameters.h"

#include <cstring>

namespace pr1 {

Parameters::~Parameters() {
  for (float* p : {weights_, gradients_, moment1_, moment2_}) ops_.release(p);
}

size_t Parameters::add(const ParameterSpec& spec) {
  size_t count = 1;
  for (int n : spec.shape) count *= static_cast<size_t>(n);
  list_.push_back({spec.name, spec.shape, floats_, count});
  floats_ += count;
  return floats_ - count;
}

void Parameters::align() { floats_ = (floats_ + 15) / 16 * 16; }

void Parameters::allocate() { weights_ = ops_.allocate(floats_); }

void Parameters::allocate_training() {
  for (float** p : {&gradients_, &moment1_, &moment2_}) {
    if (!*p) *p = ops_.allocate(floats_);
  }
}

float* Parameters::array(Values kind) const {
  switch (kind) {
    case Values::weight: return weights_;
    case Values::gradient: return gradients_;
    case Values::moment1: return moment1_;
    default: return moment2_;
  }
}

void Parameters::read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const {
  const float* from = array(kind);
  if (!from) {
    std::memset(to, 0, count * sizeof(float));
    return;
  }
  ops_.download(to, from + list_[parameter].offset + offset, count);
}

void Parameters::write(size_t parameter, Values kind, const float* from, size_t offset, size_t count) {
  ops_.upload(array(kind) + list_[parameter].offset + offset, from, count);
}

}  // namespace pr1
