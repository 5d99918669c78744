// What needs CUDA's own headers: the allocator's limit, and CUDA graphs. A library of its own, because its symbols are in
// libtorch_cuda, which a CPU machine does not have: it is built with the program, carried inside, and opened after that.
// Conventions are those of shim.cpp: nullptr, or an error text which the caller frees.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "guarded.h"

namespace {

// Work of this thread goes to a stream of its own while this lives; capturing is not possible on the default one.
struct Side {
  explicit Side(c10::DeviceIndex device) : guard(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)) {}
  c10::cuda::CUDAStreamGuard guard;
};

}  // namespace

extern "C" {

char* sweep_cuda_limit(int device, uint64_t bytes) {
  return guarded([&] {
    auto total = c10::cuda::CUDACachingAllocator::get()->getMemoryInfo(static_cast<c10::DeviceIndex>(device)).second;
    double fraction = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total));
    c10::cuda::CUDACachingAllocator::setMemoryFraction(fraction, static_cast<c10::DeviceIndex>(device));
  });
}

char* sweep_cuda_side_enter(int device, void** out) {
  return guarded([&] {
    c10::cuda::device_synchronize();
    *out = new Side(static_cast<c10::DeviceIndex>(device));
  });
}

char* sweep_cuda_side_leave(void* side) {
  return guarded([&] {
    std::unique_ptr<Side> owned(static_cast<Side*>(side));
    c10::cuda::device_synchronize();
  });
}

char* sweep_cuda_graph_begin(void** out) {
  return guarded([&] {
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    c10::cuda::device_synchronize();
    graph->capture_begin();
    *out = graph.release();
  });
}

char* sweep_cuda_graph_end(void* graph) {
  return guarded([&] { static_cast<at::cuda::CUDAGraph*>(graph)->capture_end(); });
}

char* sweep_cuda_graph_replay(void* graph) {
  return guarded([&] { static_cast<at::cuda::CUDAGraph*>(graph)->replay(); });
}

char* sweep_cuda_graph_free(void* graph) {
  return guarded([&] { delete static_cast<at::cuda::CUDAGraph*>(graph); });
}

}  // extern "C"
