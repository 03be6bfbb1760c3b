// The last kernels that were launched, to name them where CUDA says later that one of them failed: its errors come with the
// next wait, not with the launch. Plain host code.
#pragma once
#include <cxxabi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <type_traits>

#include "../ops.h"

namespace pr1::cuda {

/// One launch: the kernel, its blocks, and the whole numbers among its arguments, in their order.
struct Launch {
  const char* kernel = "";  // lives as long as the process
  unsigned blocks[3] = {1, 1, 1}, threads = 0;
  size_t shared = 0;
  int64_t numbers[8] = {};
  int count = 0;

  void add(int64_t number) {
    if (count < 8) numbers[count++] = number;
  }
  std::string text() const {
    std::string out = std::string(kernel) + "(";
    for (int i = 0; i < count; i++) out += (i ? ", " : "") + std::to_string(numbers[i]);
    out += ")";
    if (threads == 0) return out;  // not a kernel of ours
    out += " in " + std::to_string(blocks[0]);
    for (int i = 1; i < 3; i++) {
      if (blocks[1] > 1 || blocks[2] > 1) out += " x " + std::to_string(blocks[i]);
    }
    out += " blocks of " + std::to_string(threads) + " threads";
    return shared ? out + " with " + std::to_string(shared) + " bytes shared" : out;
  }
};

// What an argument of a kernel says about its shape. Structs with a shape have an overload beside them.
template <class T>
void add_numbers(Launch& launch, const T& argument) {
  if constexpr (std::is_integral_v<T>) launch.add(static_cast<int64_t>(argument));
}
inline void add_numbers(Launch& launch, const Heads& h) { launch.add(h.heads), launch.add(h.kv_heads), launch.add(h.dim); }

class Journal {
 public:
  static constexpr size_t kKept = 8;

  void note(const void* stream, const Launch& launch) {
    std::lock_guard<std::mutex> lock(mutex_);
    Queue& queue = queues_[stream];
    queue.last[queue.launched++ % kKept] = launch;
  }
  /// All that was queued in this stream has run, or the stream is gone.
  void settled(const void* stream) {
    std::lock_guard<std::mutex> lock(mutex_);
    queues_.erase(stream);
  }
  /// What may have failed, where a wait for the stream says that something did.
  std::string suspects(const void* stream) const {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = queues_.find(stream);
    if (it == queues_.end()) return "a copy failed, or work of another engine: no kernel was launched since the last wait";
    const auto& [last, launched] = it->second;
    if (launched == 1) return "the kernel " + last[0].text() + " failed, or a copy beside it";
    std::string out = "one of the " + std::to_string(launched) + " kernels launched since the last wait failed, the latest first: ";
    const size_t shown = launched < kKept ? launched : kKept;
    for (size_t i = 1; i <= shown; i++) out += (i > 1 ? "; " : "") + last[(launched - i) % kKept].text();
    return out + (shown < launched ? "; …" : "");
  }

 private:
  struct Queue {
    std::array<Launch, kKept> last;
    size_t launched = 0;
  };
  mutable std::mutex mutex_;
  std::map<const void*, Queue> queues_;  // of each stream, since its last wait
};

inline Journal journal;
/// PR1_CUDA_SYNC=on: every launch is waited for, so that an error names its kernel alone.
inline bool wait_for_each = false;

/// What to say where a wait fails.
inline std::string failed_wait(const void* stream, const std::string& cuda_text) {
  return "CUDA: " + cuda_text + ": " + journal.suspects(stream) + "." +
         (wait_for_each ? "" : " With PR1_CUDA_SYNC=on each kernel is waited for, and the one that fails is named.");
}
inline std::string failed_launch(const Launch& launch, const std::string& cuda_text) {
  return "CUDA: " + cuda_text + ": the kernel " + launch.text() + " could not be launched.";
}

/// gemm_few<1, 1> of void pr1::cuda::gemm_few<1, 1>(pr1::cuda::GemmArgs), as the compiler has written it. Never freed.
inline const char* short_name(const char* mangled) {
  int status = 0;
  char* plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = status == 0 ? plain : mangled;
  std::free(plain);
  name = name.substr(0, name.find('('));
  for (const char* prefix : {"void ", "pr1::cuda::"}) {
    if (name.compare(0, std::strlen(prefix), prefix) == 0) name.erase(0, std::strlen(prefix));
  }
  static std::list<std::string> names;
  return names.emplace_back(name).c_str();
}

}  // namespace pr1::cuda
