// A persistent thread pool: tasks are handed out one by one from a shared counter, so that a thread which loses its
// core delays only the task it holds. What a task computes never depends on which thread runs it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace pr1 {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls fn(context, task, thread) for task 0 … tasks−1; returns when all are done. One caller at a time.
  void run(int tasks, void (*fn)(void*, int, int), void* context);

  template <class F>
  void parallel(int tasks, F&& body) {
    run(tasks, [](void* f, int task, int thread) { (*static_cast<std::remove_reference_t<F>*>(f))(task, thread); }, &body);
  }

 private:
  void work(int thread);
  bool take_and_run(uint32_t epoch, int thread);

  // (epoch << 32 | next task): a claim succeeds only while the epoch it was read with is still the one being run.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> tasks_{0};
  std::atomic<int> done_{0};
  std::atomic<void (*)(void*, int, int)> fn_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<bool> stop_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace pr1
