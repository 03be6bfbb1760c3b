#include "rope.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pr1 {

RopeTable::RopeTable(Ops& ops, const RopeSpec& spec, int dim, int max_positions)
    : ops_(ops), spec_(spec), dim_(dim), max_positions_(max_positions), cos_(ops), sin_(ops) {}

/// Inverse frequency of a pair, as transformers' modeling_rope_utils.py has it.
double RopeTable::frequency(int pair) const {
  if (!spec_.rotates) return 0.0;
  const double f = 1.0 / std::pow(spec_.theta, 2.0 * pair / dim_);
  if (spec_.scaling == RopeSpec::Scaling::linear) return f / spec_.factor;
  if (spec_.scaling == RopeSpec::Scaling::none) return f;
  const double wavelength = 2.0 * 3.14159265358979323846 / f;
  const double low = spec_.original_positions / spec_.low, high = spec_.original_positions / spec_.high;
  if (wavelength > low) return f / spec_.factor;
  if (wavelength < high) return f;
  const double smooth = (spec_.original_positions / wavelength - spec_.low) / (spec_.high - spec_.low);
  return (1.0 - smooth) * f / spec_.factor + smooth * f;
}

/// Inverse frequencies and their products with the position are float32, as in transformers.
void RopeTable::ensure(int last) {
  if (last < ready_) return;
  const int half = dim_ / 2;
  const int n = std::min(max_positions_, std::max(256, 2 * (last + 1)));
  const size_t count = static_cast<size_t>(n) * half;
  std::vector<float> c(count), s(count), inverse(half);
  for (int i = 0; i < half; i++) inverse[i] = static_cast<float>(frequency(i));
  for (int p = 0; p < n; p++) {
    for (int i = 0; i < half; i++) {
      const double angle = static_cast<float>(p) * inverse[i];
      c[static_cast<size_t>(p) * half + i] = static_cast<float>(std::cos(angle));
      s[static_cast<size_t>(p) * half + i] = static_cast<float>(std::sin(angle));
    }
  }
  ops_.upload(cos_.get(count), c.data(), count);
  ops_.upload(sin_.get(count), s.data(), count);
  ready_ = n;
}

}  // namespace pr1
