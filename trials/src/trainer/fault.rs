//! Whose fault an error is.

use engine::runner::TrialError;

/// What drivers call it when a device has too little memory: the CUDA driver, cuBLAS, cuRAND and Metal. candle hands their errors on as text.
const OUT_OF_MEMORY: [&str; 4] = [
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CURAND_STATUS_ALLOCATION_FAILED",
    "kIOGPUCommandBufferCallbackErrorOutOfMemory",
];
/// What candle says when Metal gives it no buffer, without a reason.
const NO_BUFFER: &str = "Failed to create metal resource: Buffer";

/// What they call it when a device is at fault or gone. After most of these nothing in the process can use it any more (CUDA's documentation: "this leaves the process in
/// an inconsistent state and any further CUDA work will return the same error").
const DEVICE: [&str; 27] = [
    "CUDA_ERROR_NOT_INITIALIZED",
    "CUDA_ERROR_DEINITIALIZED",
    "CUDA_ERROR_DEVICE_UNAVAILABLE",
    "CUDA_ERROR_NO_DEVICE",
    "CUDA_ERROR_INVALID_DEVICE",
    "CUDA_ERROR_INVALID_CONTEXT",
    "CUDA_ERROR_ECC_UNCORRECTABLE",
    "CUDA_ERROR_NVLINK_UNCORRECTABLE",
    "CUDA_ERROR_CONTAINED",
    "CUDA_ERROR_OPERATING_SYSTEM",
    "CUDA_ERROR_ILLEGAL_ADDRESS",
    "CUDA_ERROR_LAUNCH_TIMEOUT",
    "CUDA_ERROR_CONTEXT_IS_DESTROYED",
    "CUDA_ERROR_ASSERT",
    "CUDA_ERROR_HARDWARE_STACK_ERROR",
    "CUDA_ERROR_ILLEGAL_INSTRUCTION",
    "CUDA_ERROR_MISALIGNED_ADDRESS",
    "CUDA_ERROR_INVALID_ADDRESS_SPACE",
    "CUDA_ERROR_INVALID_PC",
    "CUDA_ERROR_LAUNCH_FAILED",
    "CUDA_ERROR_TENSOR_MEMORY_LEAK",
    "CUDA_ERROR_MPS_CLIENT_TERMINATED",
    "CUDA_ERROR_SYSTEM_NOT_READY",
    "CUDA_ERROR_EXTERNAL_DEVICE",
    "CUDA_ERROR_UNKNOWN",
    "CUBLAS_STATUS_EXECUTION_FAILED",
    "CURAND_STATUS_LAUNCH_FAILURE",
];

/// How what Metal says of commands that were not carried out begins: a fault, hang or timeout of the GPU, or the fault of another process there. It goes on to refuse commands of
/// a process that had too many.
const METAL: &str = "kIOGPUCommandBufferCallbackError";

/// The device's fault where its driver says so, else the trial's own. candle's errors may end in a backtrace, which is left out.
pub(crate) fn fault(error: impl std::fmt::Display) -> TrialError {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().to_owned();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    if words.clone().any(|word| OUT_OF_MEMORY.contains(&word)) || text.contains(NO_BUFFER) {
        TrialError::OutOfMemory(line)
    } else if words.any(|word| DEVICE.contains(&word) || word.starts_with(METAL)) {
        TrialError::Device(line)
    } else {
        TrialError::Other(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As candle wraps what a driver says.
    fn of(text: &'static str) -> TrialError {
        fault(candle_core::Error::Cuda(text.into()).bt())
    }

    #[test]
    fn drivers_say_whose_fault_it_is() {
        let out_of_memory = r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#;
        assert_eq!(of(out_of_memory), TrialError::OutOfMemory(out_of_memory.to_owned()));
        assert!(matches!(of("CublasError(CUBLAS_STATUS_ALLOC_FAILED)"), TrialError::OutOfMemory(_)));
        assert!(matches!(of("CurandError(CURAND_STATUS_ALLOCATION_FAILED)"), TrialError::OutOfMemory(_)));
        let metal =
            "Metal error Command buffer had following error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)";
        assert_eq!(of(metal), TrialError::OutOfMemory(metal.to_owned()));
        assert!(matches!(of("Metal error Failed to create metal resource: Buffer"), TrialError::OutOfMemory(_)));
        for gone in [
            "Command buffer had following error: Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)",
            "Command buffer had following error: Discarded (victim of GPU error/recovery) (00000005:kIOGPUCommandBufferCallbackErrorInnocentVictim)",
            r#"DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")"#,
            r#"DriverError(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure")"#,
            r#"DriverError(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered")"#,
            r#"DriverError(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected")"#,
            r#"DriverError(CUDA_ERROR_DEVICE_UNAVAILABLE, "CUDA-capable device(s) is/are busy or unavailable") when loading unary"#,
        ] {
            assert_eq!(of(gone), TrialError::Device(gone.to_owned()));
        }
        // Nothing that the next trial would meet, too.
        for own in [r#"DriverError(CUDA_ERROR_INVALID_VALUE, "invalid argument")"#, "shape mismatch in matmul, lhs: [2, 3], rhs: [2, 3]"] {
            assert_eq!(of(own), TrialError::Other(own.to_owned()));
        }
    }
}
