#include "parameters.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace pr1 {

Parameters::~Parameters() {
  for (float* p : {weights_, gradients_, moment1_, moment2_}) ops_.release(p);
  for (const Parameter& p : list_) {
    if (p.blocks) ops_.release(reinterpret_cast<float*>(p.blocks->panels));
    if (p.panels) ops_.release(p.panels->table);
  }
}

size_t Parameters::add(const ParameterSpec& spec) {
  size_t count = 1;
  for (int n : spec.shape) count *= static_cast<size_t>(n);
  list_.push_back({spec.name, spec.shape, floats_, count, {}, {}});
  if (spec.blocks) {
    list_.back().blocks = Blocks{*spec.blocks, spec.shape[0], spec.shape[1], nullptr};
  } else if (!masters_ && spec.shape.size() == 2) {
    list_.back().panels.emplace();
  } else {
    floats_ += count;
  }
  return list_.size() - 1;
}

double Parameters::held_bytes() const {
  double bytes = 0;
  for (const Parameter& p : list_) {
    if (p.blocks) bytes += static_cast<double>(p.blocks->bytes());
    if (p.panels && p.panels->table) bytes += 4.0 * static_cast<double>(p.count);
  }
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
  if (!gradients_) gradients_ = ops_.allocate(floats_);
  const bool packed = moments_.type != MomentType::f32;
  const size_t codes = moment_codes();
  const size_t bytes = codes + (floats_ + kMomentBlock - 1) / kMomentBlock;
  for (float** p : {&moment1_, &moment2_}) {
    if (!*p) *p = ops_.allocate(packed ? (bytes + 3) / 4 : floats_);
  }
  if (!packed) return;
  moments_.first.codes = reinterpret_cast<uint8_t*>(moment1_);
  moments_.second.codes = reinterpret_cast<uint8_t*>(moment2_);
  for (Moment* m : {&moments_.first, &moments_.second}) m->exponents = reinterpret_cast<int8_t*>(m->codes + codes);
}

/// Bytes of the codes of one moment, whole floats.
size_t Parameters::moment_codes() const { return ((moments_.type == MomentType::bf16 ? 2 * floats_ : floats_) + 3) / 4 * 4; }

double Parameters::moment_bytes() const {
  if (moments_.type == MomentType::f32) return 8.0 * static_cast<double>(floats_);
  return 2.0 * static_cast<double>(moment_codes() + (floats_ + kMomentBlock - 1) / kMomentBlock);
}

void Parameters::step(const AdamW& options, uint64_t update) {
  if (moments_.type == MomentType::f32) {
    ops_.adamw_step(weights_, gradients_, moment1_, moment2_, floats_, options);
  } else {
    ops_.adamw_step_packed(weights_, gradients_, moments_, floats_, options, update);
  }
}

/// f(block, count, within, n, done) for every block that numbers at … at + count − 1 lie in: `n` of them from number `within` of its
/// `count` on, `done` of all before.
template <class F>
static void each_block(size_t floats, size_t at, size_t count, F&& f) {
  for (size_t done = 0; done < count;) {
    const size_t block = (at + done) / kMomentBlock * kMomentBlock, within = at + done - block;
    const size_t held = std::min(kMomentBlock, floats - block), n = std::min(held - within, count - done);
    f(block, held, within, n, done);
    done += n;
  }
}

/// A copy in the host's memory of the moments at … at + count − 1 with their blocks: `moment` is addressed as the whole is.
class Parameters::MomentCopy {
 public:
  MomentCopy(const Parameters& of, Values kind, size_t at, size_t count) : of_(of), whole_(of.moment(kind)) {
    // Four blocks begin on a whole float of their exponents.
    constexpr size_t kStep = 4 * kMomentBlock;
    const size_t width = of.moments_.type == MomentType::bf16 ? 2 : 1;
    const size_t begin = at / kStep * kStep, end = std::min(of.floats_, (at + count + kStep - 1) / kStep * kStep);
    codes_.from = begin * width;
    codes_.values.resize(((end - begin) * width + 3) / sizeof(float));
    exponents_.from = begin / kMomentBlock;
    exponents_.values.resize(((end - begin + kMomentBlock - 1) / kMomentBlock + 3) / 4);
    of.ops_.download(codes_.values.data(), codes_.on_device(whole_.codes), codes_.values.size());
    of.ops_.download(exponents_.values.data(), exponents_.on_device(whole_.exponents), exponents_.values.size());
    moment = {whole_.squared, static_cast<uint8_t*>(codes_.addressed()), static_cast<int8_t*>(exponents_.addressed())};
  }
  void write_back() {
    of_.ops_.upload(codes_.on_device(whole_.codes), codes_.values.data(), codes_.values.size());
    of_.ops_.upload(exponents_.on_device(whole_.exponents), exponents_.values.data(), exponents_.values.size());
  }
  Moment moment;

 private:
  struct Bytes {
    size_t from = 0;
    std::vector<float> values;
    float* on_device(void* whole) const { return reinterpret_cast<float*>(static_cast<uint8_t*>(whole) + from); }
    /// Where byte 0 of the whole would be.
    void* addressed() { return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(values.data()) - from); }
  };
  const Parameters& of_;
  const Moment& whole_;
  Bytes codes_, exponents_;
};

void Parameters::read_moments(Values kind, float* to, size_t at, size_t count) const {
  const MomentCopy copy(*this, kind, at, count);
  float numbers[kMomentBlock];
  each_block(floats_, at, count, [&](size_t block, size_t held, size_t within, size_t n, size_t done) {
    decode_moment(numbers, moments_.type, copy.moment, block, held);
    std::memcpy(to + done, numbers + within, n * sizeof(float));
  });
}

/// Neighbours in a block stay as they are where the numbers were decoded from the same type.
void Parameters::write_moments(Values kind, const float* from, size_t at, size_t count) {
  MomentCopy copy(*this, kind, at, count);
  float numbers[kMomentBlock];
  each_block(floats_, at, count, [&](size_t block, size_t held, size_t within, size_t n, size_t done) {
    decode_moment(numbers, moments_.type, copy.moment, block, held);
    std::memcpy(numbers + within, from + done, n * sizeof(float));
    encode_moment(moments_.type, copy.moment, block, numbers, held, 0);
  });
  copy.write_back();
}

float* Parameters::array(Values kind) const {
  switch (kind) {
    case Values::weight: return weights_;
    case Values::gradient: return gradients_;
    case Values::moment1: return moment1_;
    default: return moment2_;
  }
}

void Parameters::hold(size_t parameter, const Matrix& matrix, int first) {
  Panels& panels = *list_[parameter].panels;
  panels.matrix = matrix;
  panels.first = first;
}

bool Parameters::look_up(size_t parameter) {
  Panels& panels = *list_[parameter].panels;
  panels.looked_up = true;
  return panels.matrix.forward != nullptr;
}

void Parameters::rows(float* out, size_t parameter, const int* ids, float scale, int n) const {
  const Panels& panels = *list_[parameter].panels;
  if (panels.table) {
    ops_.embedding_forward(out, panels.table, ids, scale, n, panels.matrix.in);
  } else {
    ops_.panel_rows(out, panels.matrix, panels.first, ids, scale, n);
  }
}

void Parameters::read_rows(float* out, size_t parameter, const int* ids, int n) const {
  const Parameter& p = list_[parameter];
  if (p.blocks) {
    ops_.blocks_rows(out, *p.blocks, ids, 1.0f, n);
  } else if (p.panels) {
    rows(out, parameter, ids, 1.0f, n);
  } else {
    ops_.embedding_forward(out, weights(parameter), ids, 1.0f, n, static_cast<int>(p.width()));
  }
}

void Parameters::expect(size_t parameter, BlockType type) {
  Parameter& p = list_[parameter];
  if (p.panels && p.panels->looked_up && !p.panels->table && !ops_.panels_hold(type)) p.panels->table = ops_.allocate(p.count);
}

void Parameters::put(size_t parameter, int first, int n, const uint8_t* rows, BlockType type) {
  const Parameter& p = list_[parameter];
  const size_t at = p.width() * static_cast<size_t>(first), count = p.width() * static_cast<size_t>(n);
  if (!p.panels) {
    widen(weights_ + p.offset + at, rows, type, count);
    return;
  }
  ops_.fill_panels(p.panels->matrix, p.panels->first + first, n, rows, type);
  if (p.panels->table) widen(p.panels->table + at, rows, type, count);
}

/// Where panels round a number, a matrix that is looked up gets a table.
void Parameters::write_panels(size_t parameter, const float* from) {
  constexpr int kChunk = 64;
  const Parameter& p = list_[parameter];
  const size_t width = p.width();
  auto write = [&] {
    for (int r = 0; r < p.rows(); r += kChunk) {
      const int n = std::min(kChunk, p.rows() - r);
      put(parameter, r, n, reinterpret_cast<const uint8_t*>(from + static_cast<size_t>(r) * width), BlockType::f32);
    }
  };
  write();
  if (!p.panels->looked_up || p.panels->table) return;
  std::vector<float> back(kChunk * width);
  std::vector<int> ids(kChunk);
  for (int r = 0; r < p.rows(); r += kChunk) {
    const int n = std::min(kChunk, p.rows() - r);
    std::iota(ids.begin(), ids.end(), r);
    rows(back.data(), parameter, ids.data(), 1.0f, n);
    if (std::memcmp(back.data(), from + static_cast<size_t>(r) * width, static_cast<size_t>(n) * width * sizeof(float)) == 0) continue;
    expect(parameter, BlockType::f32);
    write();
    return;
  }
}

void Parameters::read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const {
  const Parameter& p = list_[parameter];
  if ((p.blocks || p.panels) && kind == Values::weight) {
    std::vector<int> all(static_cast<size_t>(p.rows()));
    std::iota(all.begin(), all.end(), 0);
    read_rows(to, parameter, all.data(), p.rows());
    return;
  }
  const float* from = array(kind);
  if (!from) {
    std::memset(to, 0, count * sizeof(float));
    return;
  }
  if (kind >= Values::moment1 && moments_.type != MomentType::f32) {
    read_moments(kind, to, p.offset + offset, count);
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
  if (p.panels) {
    write_panels(parameter, from);
    return;
  }
  if (kind >= Values::moment1 && moments_.type != MomentType::f32) {
    write_moments(kind, from, p.offset + offset, count);
    return;
  }
  ops_.upload(array(kind) + p.offset + offset, from, count);
}

}  // namespace pr1
