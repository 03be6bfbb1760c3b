#include "threads.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define PR1_PAUSE() _mm_pause()
#elif defined(__aarch64__)
#define PR1_PAUSE() asm volatile("yield")
#else
#define PR1_PAUSE() std::this_thread::yield()
#endif

namespace pr1 {

namespace {
// Long enough to bridge the gap between two ops of a small model, short enough to give an idle core back at once.
constexpr int kSpins = 3000;
}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

bool ThreadPool::take_and_run(uint32_t epoch, int thread) {
  // A successful claim proves that the run of this epoch is not over, hence that fn and context are still its own.
  auto fn = fn_.load(std::memory_order_relaxed);
  void* context = context_.load(std::memory_order_relaxed);
  uint32_t tasks = static_cast<uint32_t>(tasks_.load(std::memory_order_acquire));
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    if (static_cast<uint32_t>(ticket >> 32) != epoch) return false;
    uint32_t task = static_cast<uint32_t>(ticket);
    if (task >= tasks) return false;
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) {
      fn(context, static_cast<int>(task), thread);
      done_.fetch_add(1, std::memory_order_acq_rel);
      return true;
    }
  }
}

void ThreadPool::run(int tasks, void (*fn)(void*, int, int), void* context) {
  if (tasks <= 0) return;
  if (tasks == 1 || workers_.empty()) {
    for (int i = 0; i < tasks; i++) fn(context, i, 0);
    return;
  }
  uint32_t epoch = static_cast<uint32_t>(ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  // Close the old epoch before its fields are replaced: no task count reaches 2^32 - 1.
  ticket_.store((static_cast<uint64_t>(epoch) << 32) | 0xffffffffu, std::memory_order_release);
  fn_.store(fn, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  // Whoever sees the new count sees the old epoch closed, on CPUs that reorder stores, too: else a late thread could claim a task past
  // the old count in the old epoch.
  tasks_.store(tasks, std::memory_order_release);
  done_.store(0, std::memory_order_relaxed);
  epoch++;
  ticket_.store(static_cast<uint64_t>(epoch) << 32, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  while (take_and_run(epoch, 0)) {
  }
  for (int spin = 0; done_.load(std::memory_order_acquire) < tasks; spin++) {
    if (spin < kSpins) {
      PR1_PAUSE();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  int spin = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    uint32_t epoch = static_cast<uint32_t>(ticket_.load(std::memory_order_acquire) >> 32);
    if (epoch != seen) {
      // fn, context and tasks were stored before the ticket that carries this epoch.
      while (take_and_run(epoch, thread)) {
      }
      seen = epoch;
      spin = 0;
      continue;
    }
    if (++spin < kSpins) {
      PR1_PAUSE();
      continue;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    wake_.wait(lock, [&] {
      return stop_.load() || static_cast<uint32_t>(ticket_.load(std::memory_order_seq_cst) >> 32) != seen;
    });
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    spin = 0;
  }
}

}  // namespace pr1
