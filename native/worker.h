// The engine's own thread: jobs run one after the other in the order they were queued.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "model/model.h"
#include "threads.h"

namespace pr1 {

class EngineCore {
 public:
  EngineCore(int threads, const char* isa, Precision precision, const char** why);
  /// On ops of another device.
  explicit EngineCore(std::unique_ptr<Ops> ops);
  ~EngineCore();

  bool ok() const { return ops_ != nullptr; }
  Ops& ops() { return *ops_; }
  int threads() const { return pool_.threads(); }

  void enqueue(std::function<void()> job);
  void track(const std::shared_ptr<Model>& model);
  /// Cancels what runs, drops what waits, joins the thread. Idempotent.
  void stop();
  /// Held while a job runs; synchronous access to a model takes it, too.
  std::mutex& busy() { return busy_; }

 private:
  void work();

  ThreadPool pool_;
  std::unique_ptr<Ops> ops_;
  std::mutex mutex_, busy_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::weak_ptr<Model>> models_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pr1
