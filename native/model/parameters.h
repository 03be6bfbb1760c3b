// Every parameter of a model in flat arrays: weights, and to train gradients and the two moments of AdamW.
#pragma once
#include <string>
#include <vector>

#include "spec.h"

namespace pr1 {

struct Parameter {
  std::string name;
  std::vector<int> shape;
  size_t offset, count;  // in the flat arrays
};

enum class Values { weight, gradient, moment1, moment2 };

/// First all parameters are added, in an order that fixes the order of sums over all of them; then `allocate`.
class Parameters {
 public:
  explicit Parameters(Ops& ops) : ops_(ops) {}
  ~Parameters();
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  /// Returns its offset. What is added without `align` between stays contiguous, so that it can be one matrix.
  size_t add(const ParameterSpec& spec);
  /// The next one starts on 16 floats.
  void align();
  void allocate();
  /// Each array is allocated once: where memory runs out midway, a later call goes on from there.
  void allocate_training();

  const std::vector<Parameter>& list() const { return list_; }
  /// Floats of one flat array, gaps counted.
  size_t floats() const { return floats_; }
  float* weights() const { return weights_; }
  /// Null before allocate_training, as are the moments.
  float* gradients() const { return gradients_; }
  float* moment1() const { return moment1_; }
  float* moment2() const { return moment2_; }

  /// Copies; reading what was never allocated gives zeros.
  void read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const;
  void write(size_t parameter, Values kind, const float* from, size_t offset, size_t count);

 private:
  float* array(Values kind) const;

  Ops& ops_;
  std::vector<Parameter> list_;
  size_t floats_ = 0;
  float *weights_ = nullptr, *gradients_ = nullptr, *moment1_ = nullptr, *moment2_ = nullptr;
};

}  // namespace pr1
