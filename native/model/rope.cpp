#include "rope.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pr1 {

static constexpr double pi = 3.14159265358979323846;

RopeTable::RopeTable(Ops& ops, const RopeSpec& spec, int dim, int max_positions)
    : ops_(ops), spec_(spec), dim_(dim), max_positions_(max_positions), cos_(ops), sin_(ops) {}

/// Inverse frequency of a pair, as transformers' modeling_rope_utils.py has it. Scaled ones are rounded where it rounds: at position 32768 one
/// last bit of a frequency is an angle of 0.002.
float RopeTable::frequency(int pair) const {
  if (!spec_.rotates) return 0.0f;
  if (spec_.scaling == RopeSpec::Scaling::none) return static_cast<float>(1.0 / std::pow(spec_.theta, 2.0 * pair / dim_));
  const float exponent = static_cast<float>(2 * pair) / static_cast<float>(dim_);
  const float period = static_cast<float>(std::pow(spec_.theta, static_cast<double>(exponent)));
  const float f = 1.0f / period, factor = static_cast<float>(spec_.factor);
  switch (spec_.scaling) {
    case RopeSpec::Scaling::linear:
      return f / factor;
    case RopeSpec::Scaling::llama3:
      return llama3(f, factor);
    case RopeSpec::Scaling::yarn: {
      const float kept = yarn_kept(pair);
      return 1.0f / (factor * period) * (1.0f - kept) + f * kept;
    }
    default:  // dynamic: plain up to the positions of the model
      return f;
  }
}

float RopeTable::llama3(float f, float factor) const {
  const float wavelength = static_cast<float>(2.0 * pi) / f;
  if (wavelength > static_cast<float>(spec_.original_positions / spec_.low)) return f / factor;
  if (wavelength < static_cast<float>(spec_.original_positions / spec_.high)) return f;
  const float way = static_cast<float>(spec_.original_positions) / wavelength - static_cast<float>(spec_.low);
  const float smooth = way / static_cast<float>(spec_.high - spec_.low);
  return (1.0f - smooth) * f / factor + smooth * f;
}

/// YaRN (arXiv 2309.00071): share of the plain frequency, 1 for fast pairs, 0 for slow ones, between them a ramp.
float RopeTable::yarn_kept(int pair) const {
  const auto bound = [&](double beta) {
    return dim_ * std::log(spec_.original_positions / (beta * 2.0 * pi)) / (2.0 * std::log(spec_.theta));
  };
  double low = bound(spec_.beta_fast), high = bound(spec_.beta_slow);
  if (spec_.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim_ - 1.0);
  if (low == high) high += 0.001;
  const float way = (static_cast<float>(pair) - static_cast<float>(low)) / static_cast<float>(high - low);
  return 1.0f - std::min(std::max(way, 0.0f), 1.0f);
}

/// Inverse frequencies and their products with the position are float32, as in transformers.
void RopeTable::ensure(int last) {
  if (last < ready_) return;
  const int half = dim_ / 2;
  const int n = std::min(max_positions_, std::max(256, 2 * (last + 1)));
  const size_t count = static_cast<size_t>(n) * half;
  std::vector<float> c(count), s(count), inverse(half);
  for (int i = 0; i < half; i++) inverse[i] = frequency(i);
  for (int p = 0; p < n; p++) {
    for (int i = 0; i < half; i++) {
      const double angle = static_cast<float>(p) * inverse[i];
      c[static_cast<size_t>(p) * half + i] = static_cast<float>(std::cos(angle)) * spec_.amplitude;
      s[static_cast<size_t>(p) * half + i] = static_cast<float>(std::sin(angle)) * spec_.amplitude;
    }
  }
  ops_.upload(cos_.get(count), c.data(), count);
  ops_.upload(sin_.get(count), s.data(), count);
  ready_ = n;
}

}  // namespace pr1
