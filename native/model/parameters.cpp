#include "parameters.h"

#include <cstring>
#include <numeric>

namespace pr1 {

Parameters::~Parameters() {
  for (float* p : {weights_, gradients_, moment1_, moment2_}) ops_.release(p);
  for (const Parameter& p : list_) {
    if (p.blocks) ops_.release(reinterpret_cast<float*>(p.blocks->panels));
  }
}

size_t Parameters::add(const ParameterSpec& spec) {
  size_t count = 1;
  for (int n : spec.shape) count *= static_cast<size_t>(n);
  list_.push_back({spec.name, spec.shape, floats_, count, {}});
  if (spec.blocks) {
    list_.back().blocks = Blocks{*spec.blocks, spec.shape[0], spec.shape[1], nullptr};
  } else {
    floats_ += count;
  }
  return list_.size() - 1;
}

double Parameters::block_bytes() const {
  double bytes = 0;
  for (const Parameter& p : list_) bytes += p.blocks ? static_cast<double>(p.blocks->bytes()) : 0;
  return bytes;
}

void Parameters::align() { floats_ = (floats_ + 15) / 16 * 16; }

void Parameters::allocate() {
  weights_ = ops_.allocate(floats_);
  for (Parameter& p : list_) {
    if (p.blocks) p.blocks->panels = reinterpret_cast<uint8_t*>(ops_.allocate(p.blocks->bytes() / sizeof(float)));
  }
}

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
  const Parameter& p = list_[parameter];
  if (p.blocks && kind == Values::weight) {
    std::vector<int> rows(static_cast<size_t>(p.blocks->out));
    std::iota(rows.begin(), rows.end(), 0);
    ops_.blocks_rows(to, *p.blocks, rows.data(), 1.0f, p.blocks->out);
    return;
  }
  const float* from = array(kind);
  if (!from) {
    std::memset(to, 0, count * sizeof(float));
    return;
  }
  ops_.download(to, from + p.offset + offset, count);
}

void Parameters::write(size_t parameter, Values kind, const float* from, size_t offset, size_t count) {
  const Parameter& p = list_[parameter];
  if (p.blocks) {
    std::vector<uint8_t> rows(p.blocks->row_bytes() * static_cast<size_t>(p.blocks->out));
    quantize(rows.data(), from, p.blocks->type, count);
    interleave(*p.blocks, rows.data());
    return;
  }
  ops_.upload(array(kind) + p.offset + offset, from, count);
}

}  // namespace pr1
